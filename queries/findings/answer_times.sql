-- How long good answers take while no pod is being replaced, nor was in the last 10 s: what hangs or waits for a retry
-- then is no answer's time.
-- Where all requests fell into that time, all good answers count.
--
-- Grain:    one row
-- Reads:    staging.requests, staging.source_clocks, timeline.pod_lifecycles
--
-- Columns:
--   answer_count  BIGINT  Good answers that count.
--   usual_s       DOUBLE  All but one of 1000 took at most so long, s; null without any.
--   longest_s     DOUBLE  The longest, s; null without any.
with turmoil as (
    select
        coalesce(min(pod_lifecycles.deleted_lo_ns), 9000000000000000000) as from_ns,
        coalesce(
            max(coalesce(pod_lifecycles.gone_hi_ns, pod_lifecycles.exited_hi_ns, 9000000000000000000)), 0
        ) as until_ns
    from timeline.pod_lifecycles
    where pod_lifecycles.deleted_lo_ns is not null
),

answers as (
    select
        requests.ended_at_ns - requests.started_at_ns as duration_ns,
        (
            requests.ended_at_ns - source_clocks.offset_lo_ns < turmoil.from_ns
            or requests.started_at_ns - source_clocks.offset_hi_ns > turmoil.until_ns + 10000000000
        ) as is_calm
    from staging.requests
    inner join staging.source_clocks on requests.source_id = source_clocks.source_id
    cross join turmoil
    where not requests.is_failed and requests.ended_at_ns is not null
),

counted as (
    select answers.duration_ns
    from answers
    where answers.is_calm or not exists (
        select 1 from answers as others
        where others.is_calm
    )
)

select
    count(*) as answer_count,
    quantile_disc(counted.duration_ns, 0.999) / 1e9 as usual_s,
    max(counted.duration_ns) / 1e9 as longest_s
from counted
