-- How long requests took, with the bounds of each quantile: the order statistics that hold it with 95 % when requests are
-- independent of each other.
--
-- Grain:    one row per quantile; none without requests
-- Reads:    staging.requests
-- Needs:    staging.requests
--
-- Columns:
--   quantile_ratio  DOUBLE  0.5, 0.9, 0.99, 0.999, and 1 for the longest.
--   latency_ms      DOUBLE  That many of the requests took at most so long, failed ones included, ms, exact to 1 µs.
--   lo_ms           DOUBLE  Lower bound, ms; null for the longest.
--   hi_ms           DOUBLE  Upper bound, ms; null for the longest, and where too few requests took longer.
with durations as (
    -- Counted by the microsecond, there are few to sort.
    select
        (requests.ended_at_ns - requests.started_at_ns + 500) // 1000 as latency_us,
        count(*) as request_count
    from staging.requests
    where requests.ended_at_ns is not null
    group by latency_us
),

ranked as (
    select
        durations.latency_us,
        sum(durations.request_count) over (order by durations.latency_us) as rank_count,
        sum(durations.request_count) over () as total_count
    from durations
),

wanted as (
    select unnest([0.5, 0.9, 0.99, 0.999, 1.0]::double[]) as quantile_ratio
),

totals as (
    select any_value(ranked.total_count) as total_count from ranked
),

ranks as (
    select
        wanted.quantile_ratio,
        totals.total_count,
        ceil(wanted.quantile_ratio * totals.total_count) as rank_count,
        1.96 * sqrt(wanted.quantile_ratio * (1 - wanted.quantile_ratio) * totals.total_count) as spread
    from wanted
    cross join totals
)

select
    ranks.quantile_ratio,
    min(ranked.latency_us) filter (where ranked.rank_count >= ranks.rank_count) / 1e3 as latency_ms,
    min(ranked.latency_us) filter (
        where
        ranks.quantile_ratio < 1
        and ranked.rank_count >= greatest(1, floor(ranks.rank_count - ranks.spread))
    ) / 1e3 as lo_ms,
    min(ranked.latency_us) filter (
        where
        ranks.quantile_ratio < 1
        and ranked.rank_count >= ceil(ranks.rank_count + ranks.spread)
        and ceil(ranks.rank_count + ranks.spread) <= ranks.total_count
    ) / 1e3 as hi_ms
from ranks
cross join ranked
group by ranks.quantile_ratio
order by ranks.quantile_ratio
