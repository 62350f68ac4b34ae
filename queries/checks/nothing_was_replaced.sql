-- No pod ended while the requests ran, so they tell nothing about replacing pods.
--
-- Severity: info
-- Grain:    one row when it is so
-- Reads:    recording.objects, staging.request_spans, timeline.pod_lifecycles, timeline.container_exits
-- Needs:    recording.objects
--
-- Columns:
--   message    VARCHAR  What is doubtful, for people.
--   pod_count  BIGINT   Pods that were seen.
with span as (
    select
        min(request_spans.first_lo_ns) as first_ns,
        max(request_spans.last_hi_ns) as last_ns
    from staging.request_spans
)

select
    'no pod ended while the requests ran: they tell nothing about replacing pods' as message,
    (select count(*) from timeline.pod_lifecycles) as pod_count
from span
where
    span.first_ns is not null
    and exists (select 1 from recording.objects)
    and not exists (
        select 1 from timeline.pod_lifecycles
        where
            pod_lifecycles.deleted_lo_ns <= span.last_ns
            and coalesce(pod_lifecycles.gone_hi_ns >= span.first_ns, true)
    )
    and not exists (select 1 from timeline.container_exits)
