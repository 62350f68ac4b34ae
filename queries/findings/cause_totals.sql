-- What each cause cost: failed requests by tier and by trigger, and those that a retry healed.
--
-- Grain:    one row per cause, costliest first
-- Reads:    findings.verdicts, findings.near_misses
--
-- Columns:
--   cause            VARCHAR                 Name of the cause, or `unattributed`.
--   failed_count     BIGINT                  Failed requests.
--   near_miss_count  BIGINT                  Requests that a retry healed after a try that failed so.
--   tiers            MAP(VARCHAR, UBIGINT)   Failed requests by tier; null when none failed.
--   triggers         MAP(VARCHAR, UBIGINT)   Failed requests by trigger, `none` where no pod went away; null when none failed.
--   exemplars        VARCHAR[]               The surest and earliest failed requests, three at most; null when none failed.
with failed as (
    select
        verdicts.cause,
        count(*) as failed_count,
        histogram(verdicts.tier) as tiers,
        histogram(coalesce(verdicts.pod_trigger, 'none')) as triggers,
        list(
            verdicts.request_id
            order by verdicts.tier asc, verdicts.started_at_ns asc, verdicts.line asc
        )[:3] as exemplars
    from findings.verdicts
    group by verdicts.cause
),

healed as (
    select
        near_misses.cause,
        count(distinct near_misses.request_id) as near_miss_count
    from findings.near_misses
    group by near_misses.cause
)

select
    coalesce(failed.cause, healed.cause) as cause,
    coalesce(failed.failed_count, 0) as failed_count,
    coalesce(healed.near_miss_count, 0) as near_miss_count,
    failed.tiers,
    failed.triggers,
    failed.exemplars
from failed
full outer join healed on failed.cause = healed.cause
order by failed_count desc, near_miss_count desc, cause asc
