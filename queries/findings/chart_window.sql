-- The span of all requests, and the part of it that pictures show first: the failures that lie closest together, with the
-- ends of pods around them; without failures the ends of pods, and without these the whole span.
--
-- Grain:    one row; none without requests
-- Reads:    staging.request_spans, timeline.failures, timeline.pod_lifecycles
--
-- Columns:
--   run_from_ns     BIGINT  Start of the first request, ns since 1970 UTC, middle of its interval on the reference clock.
--   run_until_ns    BIGINT  End of the last request, the same.
--   focus_from_ns   BIGINT  Begin of the part that is shown first.
--   focus_until_ns  BIGINT  Its end.
with run as (
    select
        min((request_spans.first_lo_ns + request_spans.first_hi_ns) // 2) as from_ns,
        max((request_spans.last_lo_ns + request_spans.last_hi_ns) // 2) as until_ns
    from staging.request_spans
    having count(*) > 0
),

failed as (
    select
        (failures.started_lo_ns + failures.started_hi_ns) // 2 as from_ns,
        (failures.ended_lo_ns + failures.ended_hi_ns) // 2 as until_ns
    from timeline.failures
),

spaced as (
    select
        failed.from_ns,
        failed.until_ns,
        coalesce(failed.from_ns - lag(failed.from_ns) over (order by failed.from_ns) > 20000000000, false)
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
),

densest as (
    select
        min(grouped.from_ns) as from_ns,
        max(grouped.until_ns) as until_ns
    from grouped
    group by grouped.place
    order by count(*) desc, min(grouped.from_ns) asc
    limit 1
),

ends as (
    select
        coalesce(pod_lifecycles.deleted_lo_ns, pod_lifecycles.killed_lo_ns) as from_ns,
        coalesce(pod_lifecycles.gone_hi_ns, pod_lifecycles.exited_hi_ns, pod_lifecycles.signalled_hi_ns)
            as until_ns
    from timeline.pod_lifecycles
    where pod_lifecycles.killed_lo_ns is not null
),

near as (
    select
        min(ends.from_ns) as from_ns,
        max(ends.until_ns) as until_ns
    from ends
    left outer join densest on true
    where
        densest.from_ns is null
        or (ends.until_ns >= densest.from_ns - 5000000000 and ends.from_ns <= densest.until_ns + 5000000000)
),

interesting as (
    select
        run.from_ns as run_from_ns,
        run.until_ns as run_until_ns,
        least(densest.from_ns, near.from_ns) as from_ns,
        greatest(densest.until_ns, near.until_ns) as until_ns
    from run
    left outer join densest on true
    left outer join near on true
),

padded as (
    select
        interesting.run_from_ns,
        interesting.run_until_ns,
        interesting.from_ns - greatest(250000000, (interesting.until_ns - interesting.from_ns) // 20)
            as from_ns,
        interesting.until_ns + greatest(250000000, (interesting.until_ns - interesting.from_ns) // 20)
            as until_ns
    from interesting
)

select
    padded.run_from_ns,
    padded.run_until_ns,
    greatest(
        padded.run_from_ns, least(coalesce(padded.from_ns, padded.run_from_ns), padded.run_until_ns - 1)
    ) as focus_from_ns,
    least(
        padded.run_until_ns, greatest(coalesce(padded.until_ns, padded.run_until_ns), padded.run_from_ns + 1)
    ) as focus_until_ns
from padded
