-- Requests from a time when nobody watched the cluster, or failures long after the last thing that the watch saw.
--
-- A quiet cluster writes nothing, so only failures after the end are doubtful, and only some time after it.
--
-- Severity: warning
-- Grain:    one row per source that began too early, and one for failures that came too late
-- Reads:    recording.objects, staging.request_spans, timeline.failures
-- Params:
--   quiet_s  BIGINT  30  A failure this long after the last observed version counts as outside the watch.
--
-- Columns:
--   message      VARCHAR  What is doubtful, for people.
--   side         VARCHAR  before or after.
--   distance_ms  DOUBLE   How long before the watch the first request began, or after it the last failure, ms.
with watch as (
    select
        min(objects.observed_at_ns) as first_ns,
        max(objects.observed_at_ns) as last_ns
    from recording.objects
),

late_failures as (
    select
        count(*) as failed_count,
        (max(failures.started_lo_ns) - any_value(watch.last_ns)) / 1e6 as distance_ms
    from timeline.failures
    cross join watch
    where failures.started_lo_ns > watch.last_ns + 1000000000 * getvariable('quiet_s')
)

select
    '`' || request_spans.source || '` begins '
    || round((watch.first_ns - request_spans.first_hi_ns) / 1e9, 1)
    || ' s before the cluster was watched' as message,
    'before' as side,
    (watch.first_ns - request_spans.first_hi_ns) / 1e6 as distance_ms
from staging.request_spans
cross join watch
where request_spans.first_hi_ns < watch.first_ns
union all
select
    late_failures.failed_count || ' failed requests came more than ' || getvariable('quiet_s')
    || ' s after the last thing that the watch saw' as message,
    'after' as side,
    late_failures.distance_ms
from late_failures
where late_failures.failed_count > 0
