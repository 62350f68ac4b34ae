-- Requests from a time when nobody watched the cluster, or failures long after the last thing that the watch saw.
--
-- A quiet cluster writes nothing, so only failures after the end are doubtful, and only some time after it.
--
-- Severity: warning
-- Grain:    one row per side of the watch with such requests
-- Reads:    recording.objects, staging.requests, staging.source_clocks
-- Params:
--   quiet_s  BIGINT  30  A failure this long after the last observed version counts as outside the watch.
--
-- Columns:
--   message        VARCHAR  What is doubtful, for people.
--   side           VARCHAR  before or after.
--   request_count  BIGINT   Requests that began before the watch, or failures after its end.
with watch as (
    select
        min(objects.observed_at_ns) as first_ns,
        max(objects.observed_at_ns) as last_ns
    from recording.objects
),

sides as (
    select
        count(*) filter (
            where requests.started_at_ns - source_clocks.offset_lo_ns < watch.first_ns
        ) as before_count,
        count(*) filter (
            where requests.is_failed
            and requests.started_at_ns - source_clocks.offset_hi_ns
            > watch.last_ns + 1000000000 * getvariable('quiet_s')
        ) as after_count
    from staging.requests
    inner join staging.source_clocks on requests.source_id = source_clocks.source_id
    cross join watch
)

select
    sides.before_count || ' requests began before the cluster was watched' as message,
    'before' as side,
    sides.before_count as request_count
from sides
where sides.before_count > 0
union all
select
    sides.after_count || ' failed requests came more than ' || getvariable('quiet_s')
    || ' s after the last thing that the watch saw' as message,
    'after' as side,
    sides.after_count as request_count
from sides
where sides.after_count > 0
