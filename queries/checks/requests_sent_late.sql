-- The load test sent requests later than it meant to: it was busy or waiting, and sent least while most was lost.
--
-- Only logs that tell when a request was to be sent are looked at.
--
-- Severity: warning
-- Grain:    one row per source with such requests
-- Reads:    recording.requests, recording.sources
-- Needs:    recording.requests
-- Params:
--   late_ms  BIGINT  100  A request that was sent this much later than it was due is late.
--
-- Columns:
--   message        VARCHAR  What is doubtful, for people.
--   source         VARCHAR  Name of the source.
--   late_count     BIGINT   Requests that were late.
--   request_count  BIGINT   Requests that tell when they were due.
--   worst_ms       DOUBLE   How late the latest of them was, ms.
with waits as (
    select
        requests.source_id,
        (requests.started_at_ns - requests.intended_at_ns) / 1e6 as wait_ms
    from recording.requests
    where requests.intended_at_ns is not null
)

select
    count(*) filter (where waits.wait_ms > getvariable('late_ms')) || ' of ' || count(*)
    || ' requests of `' || sources.name || '` were sent over ' || getvariable('late_ms')
    || ' ms later than they were due, the latest by ' || round(max(waits.wait_ms)::bigint)
    || ' ms: the client could not keep up' as message,
    sources.name as source,
    count(*) filter (where waits.wait_ms > getvariable('late_ms')) as late_count,
    count(*) as request_count,
    max(waits.wait_ms) as worst_ms
from waits
inner join recording.sources on waits.source_id = sources.source_id
group by sources.name
having max(waits.wait_ms) > getvariable('late_ms')
order by sources.name
