-- Kubernetes Events, of either API, each with the best instant that it holds.
--
-- Kind:     table
-- Grain:    one row per Event (its first occurrence)
-- Reads:    recording.objects, staging.source_clocks, staging.clock_offsets
--
-- Columns:
--   event_uid       VARCHAR  UID of the Event.
--   reference       VARCHAR  Where it stands: `source:line`.
--   namespace       VARCHAR  Namespace of the Event and of what it is about.
--   reason          VARCHAR  Killing, SuccessfulDelete, Unhealthy, …
--   message         VARCHAR  Its text.
--   component       VARCHAR  Who emitted it.
--   about_kind      VARCHAR  Kind of the object it is about.
--   about_name      VARCHAR  Name of that object.
--   about_uid       VARCHAR  UID of that object.
--   happened_lo_ns  BIGINT   Earliest moment of its first occurrence, reference clock.
--   happened_hi_ns  BIGINT   Latest moment of its first occurrence, reference clock.
with parsed as (
    select
        objects.uid,
        objects.name,
        objects.namespace,
        objects.source_id,
        objects.line,
        try(from_json(
            objects.object,
            '{"involvedObject": {"kind": "VARCHAR", "name": "VARCHAR", "uid": "VARCHAR"},
            "regarding": {"kind": "VARCHAR", "name": "VARCHAR", "uid": "VARCHAR"}, "reason": "VARCHAR",
            "message": "VARCHAR", "note": "VARCHAR", "source": {"component": "VARCHAR"},
            "reportingComponent": "VARCHAR", "reportingController": "VARCHAR", "firstTimestamp": "VARCHAR",
            "deprecatedFirstTimestamp": "VARCHAR", "eventTime": "VARCHAR"}'
        )) as event
    from recording.objects
    where objects.kind = 'Event'
    qualify row_number() over (
        partition by objects.uid order by objects.observed_at_ns nulls last, objects.source_id, objects.line
    ) = 1
),

dated as (
    select
        parsed.uid,
        parsed.namespace,
        parsed.source_id,
        parsed.line,
        parsed.event,
        coalesce(
            nullif(parsed.event.source.component, ''),
            parsed.event.reportingcomponent,
            parsed.event.reportingcontroller
        )
            as component,
        coalesce(event_name_ns(parsed.name), second_ns(parsed.event.eventtime)) as exact_ns,
        second_ns(coalesce(parsed.event.firsttimestamp, parsed.event.deprecatedfirsttimestamp)) as second_ns
    from parsed
    where parsed.event is not null
)

select
    dated.uid as event_uid,
    source_clocks.source || ':' || dated.line as reference,
    dated.namespace,
    dated.event.reason,
    coalesce(dated.event.message, dated.event.note) as message,
    dated.component,
    coalesce(dated.event.involvedobject.kind, dated.event.regarding.kind) as about_kind,
    coalesce(dated.event.involvedobject.name, dated.event.regarding.name) as about_name,
    coalesce(dated.event.involvedobject.uid, dated.event.regarding.uid) as about_uid,
    coalesce(dated.exact_ns, dated.second_ns) - clock_offsets.offset_hi_ns as happened_lo_ns,
    coalesce(dated.exact_ns, dated.second_ns + 1000000000) - clock_offsets.offset_lo_ns as happened_hi_ns
from dated
inner join staging.source_clocks on dated.source_id = source_clocks.source_id
inner join staging.clock_offsets
    on clock_offsets.clock = case when dated.component = 'kubelet' then 'node' else 'controllers' end
