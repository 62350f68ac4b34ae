-- All requests, counted in equal slices of time: once for the whole run, once, finer, for the part shown first. A slice is
-- 1, 2 or 5 times a power of ten long. Quantiles are those of a histogram whose steps are 2.2 % wide.
--
-- Grain:    one row per scope and slice in which a request began
-- Reads:    staging.requests, staging.source_clocks, findings.chart_window
-- Needs:    staging.requests, findings.chart_window
-- Params:
--   chart_slices  BIGINT  240  Into how many slices of time at most pictures cut a run; a quarter of them for its part.
--
-- Columns:
--   scope          VARCHAR  run or focus, see findings.chart_window.
--   from_ns        BIGINT   Begin of the slice, reference clock, ns since 1970 UTC.
--   until_ns       BIGINT   Its end.
--   request_count  BIGINT   Requests that began in it.
--   failed_count   BIGINT   Of these, how many failed.
--   p50_ms         DOUBLE   Half of those that did not fail took at most so long, ms; null when there are none.
--   p99_ms         DOUBLE   99 of 100 of these took at most so long, ms.
with spans as (
    select
        'run' as scope,
        getvariable('chart_slices') as slices_count,
        chart_window.run_from_ns as from_ns,
        chart_window.run_until_ns + 1 as until_ns
    from findings.chart_window
    union all
    select
        'focus' as scope,
        greatest(1, getvariable('chart_slices') // 4) as slices_count,
        chart_window.focus_from_ns as from_ns,
        chart_window.focus_until_ns + 1 as until_ns
    from findings.chart_window
),

widths as (
    select
        spans.*,
        greatest(1, (spans.until_ns - spans.from_ns) // spans.slices_count + 1) as least_ns,
        pow(10, floor(log10(greatest(1, (spans.until_ns - spans.from_ns) // spans.slices_count + 1))))::bigint
            as power_ns
    from spans
),

slices as (
    select
        widths.scope,
        widths.from_ns,
        widths.until_ns,
        case
            when widths.least_ns <= widths.power_ns then widths.power_ns
            when widths.least_ns <= 2 * widths.power_ns then 2 * widths.power_ns
            when widths.least_ns <= 5 * widths.power_ns then 5 * widths.power_ns
            else 10 * widths.power_ns
        end as width_ns
    from widths
),

sent as (
    select
        requests.started_at_ns
        + coalesce(requests.resolution_ns, 0) // 2
        - (source_clocks.offset_lo_ns + source_clocks.offset_hi_ns) // 2 as started_ns,
        requests.is_failed,
        case
            when not requests.is_failed
                then round(32 * log2(greatest(requests.ended_at_ns - requests.started_at_ns, 1000)))
        end::integer as step
    from staging.requests
    inner join staging.source_clocks on requests.source_id = source_clocks.source_id
),

counted as (
    select
        slices.scope,
        slices.from_ns + (sent.started_ns - slices.from_ns) // slices.width_ns * slices.width_ns as from_ns,
        any_value(slices.width_ns) as width_ns,
        sent.step,
        count(*) as request_count,
        count(*) filter (where sent.is_failed) as failed_count
    from sent
    inner join slices on sent.started_ns >= slices.from_ns and sent.started_ns < slices.until_ns
    group by all
),

ranked as (
    select
        counted.*,
        sum(counted.request_count - counted.failed_count) over (
            partition by counted.scope, counted.from_ns
            order by counted.step asc nulls last
            rows between unbounded preceding and current row
        ) as rank_count,
        sum(counted.request_count - counted.failed_count) over (
            partition by counted.scope, counted.from_ns
        ) as good_count
    from counted
)

select
    ranked.scope,
    ranked.from_ns,
    ranked.from_ns + any_value(ranked.width_ns) as until_ns,
    sum(ranked.request_count)::bigint as request_count,
    sum(ranked.failed_count)::bigint as failed_count,
    min(pow(2, ranked.step / 32.0) / 1e6) filter (where ranked.rank_count >= 0.5 * ranked.good_count)
        as p50_ms,
    min(pow(2, ranked.step / 32.0) / 1e6) filter (where ranked.rank_count >= 0.99 * ranked.good_count)
        as p99_ms
from ranked
group by ranked.scope, ranked.from_ns
order by ranked.scope, ranked.from_ns
