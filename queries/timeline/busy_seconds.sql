-- How fast the fastest answers were, second by second: when even those take a multiple of what they took in the best
-- seconds, all pods have too much to do. Only where a request waited in vain is this asked.
--
-- Kind:     table
-- Grain:    one row per second in which a good answer ended
-- Reads:    staging.requests, staging.source_clocks, timeline.failures
-- Needs:    timeline.failures
-- Params:
--   busy_ratio  DOUBLE  4.0  Pods are busy when the fastest answers take so many times as long as in the best seconds.
--
-- Columns:
--   began_s      BIGINT   Seconds since 1970, reference clock (middle of what the clocks allow).
--   answer_count BIGINT   Good answers that ended in it.
--   fast_ns      BIGINT   What nine of ten of them took at least, ns.
--   best_ns      BIGINT   The same in the best of all seconds, ns.
--   is_busy      BOOLEAN  Much longer than in the best.
with seconds as (
    select
        (requests.ended_at_ns - (source_clocks.offset_lo_ns + source_clocks.offset_hi_ns) // 2) // 1000000000
            as began_s,
        count(*) as answer_count,
        quantile_disc(requests.ended_at_ns - requests.started_at_ns, 0.1) as fast_ns
    from staging.requests
    inner join staging.source_clocks on requests.source_id = source_clocks.source_id
    where
        not requests.is_failed
        and exists (
            select 1 from timeline.failures
            where failures.status is null or failures.status in (499, 504)
        )
    group by all
),

compared as (
    select
        seconds.*,
        min(seconds.fast_ns) over () as best_ns
    from seconds
)

select
    compared.began_s,
    compared.answer_count,
    compared.fast_ns,
    compared.best_ns,
    compared.fast_ns >= compared.best_ns * getvariable('busy_ratio') as is_busy
from compared
