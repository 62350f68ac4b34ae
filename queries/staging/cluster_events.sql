-- Kubernetes Events, of either API, each with the best instant that it holds. One that is repeated counts up: its name
-- dates the first time, the version that was seen the last one.
--
-- Kind:     table
-- Grain:    one row per Event and occurrence that a version dates
-- Reads:    recording.objects, staging.source_clocks, staging.clock_offsets
-- Needs:    recording.objects
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
--   happened_lo_ns  BIGINT   Earliest moment of the occurrence, reference clock.
--   happened_hi_ns  BIGINT   Latest moment of the occurrence, reference clock.
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
            "deprecatedFirstTimestamp": "VARCHAR", "eventTime": "VARCHAR", "lastTimestamp": "VARCHAR",
            "deprecatedLastTimestamp": "VARCHAR", "series": {"lastObservedTime": "VARCHAR"}}'
        )) as event
    from recording.objects
    where objects.kind = 'Event'
    qualify row_number() over (
        partition by
            objects.uid,
            coalesce(
                objects.object ->> '$.lastTimestamp', objects.object ->> '$.deprecatedLastTimestamp',
                objects.object ->> '$.series.lastObservedTime'
            )
        order by objects.observed_at_ns nulls last, objects.source_id, objects.line
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
        second_ns(coalesce(parsed.event.firsttimestamp, parsed.event.deprecatedfirsttimestamp)) as second_ns,
        second_ns(coalesce(
            parsed.event.lasttimestamp, parsed.event.deprecatedlasttimestamp,
            parsed.event.series.lastobservedtime
        )) as last_ns
    from parsed
    where parsed.event is not null
),

occurrences as (
    select
        dated.*,
        coalesce(dated.exact_ns, dated.second_ns) as happened_lo_ns,
        coalesce(dated.exact_ns, dated.second_ns + 1000000000) as happened_hi_ns
    from dated
    qualify row_number() over (partition by dated.uid order by dated.last_ns nulls first, dated.line) = 1
    union all
    select
        dated.*,
        dated.last_ns as happened_lo_ns,
        dated.last_ns + 1000000000 as happened_hi_ns
    from dated
    where dated.last_ns > coalesce(dated.second_ns, dated.exact_ns)
)

select
    occurrences.uid as event_uid,
    source_clocks.source || ':' || occurrences.line as reference,
    occurrences.namespace,
    occurrences.event.reason,
    coalesce(occurrences.event.message, occurrences.event.note) as message,
    occurrences.component,
    coalesce(occurrences.event.involvedobject.kind, occurrences.event.regarding.kind) as about_kind,
    coalesce(occurrences.event.involvedobject.name, occurrences.event.regarding.name) as about_name,
    coalesce(occurrences.event.involvedobject.uid, occurrences.event.regarding.uid) as about_uid,
    occurrences.happened_lo_ns - clock_offsets.offset_hi_ns as happened_lo_ns,
    occurrences.happened_hi_ns - clock_offsets.offset_lo_ns as happened_hi_ns
from occurrences
inner join staging.source_clocks on occurrences.source_id = source_clocks.source_id
inner join staging.clock_offsets
    on clock_offsets.clock = case when occurrences.component = 'kubelet' then 'node' else 'controllers' end
