-- The windows in which requests failed: failures that began less than a second after each other.
--
-- Grain:    one row per window, longest first
-- Reads:    timeline.failures
-- Needs:    timeline.failures
--
-- Columns:
--   from_ns       BIGINT  Start of its first failed request, middle of the interval on the reference clock, ns since 1970 UTC.
--   until_ns      BIGINT  End of the last of them to end.
--   failed_count  BIGINT  Requests that failed in it.
with failed as (
    select
        (failures.started_lo_ns + failures.started_hi_ns) // 2 as from_ns,
        (failures.ended_lo_ns + failures.ended_hi_ns) // 2 as until_ns
    from timeline.failures
),

spaced as (
    select
        failed.from_ns,
        failed.until_ns,
        coalesce(failed.from_ns - lag(failed.from_ns) over (order by failed.from_ns) > 1000000000, false)
            as is_apart
    from failed
),

grouped as (
    select
        spaced.from_ns,
        spaced.until_ns,
        count(*) filter (where spaced.is_apart) over (
            order by spaced.from_ns rows between unbounded preceding and current row
        ) as place
    from spaced
)

select
    min(grouped.from_ns) as from_ns,
    max(grouped.until_ns) as until_ns,
    count(*) as failed_count
from grouped
group by grouped.place
order by max(grouped.until_ns) - min(grouped.from_ns) desc, min(grouped.from_ns) asc
