-- How many requests each cause cost, and how many more were healed.
--
-- Grain:    one row per cause, tier and trigger
-- Reads:    findings.verdicts, findings.near_misses
--
-- Columns:
--   cause              VARCHAR  Name of the cause, or `unattributed`.
--   tier               VARCHAR  A to D, U.
--   pod_trigger        VARCHAR  Why the pods went away; null when none did.
--   failed_count       BIGINT   Failed requests.
--   near_miss_count    BIGINT   Requests that a retry healed after a try that failed so.
select
    every_request.cause,
    every_request.tier,
    every_request.pod_trigger,
    count(distinct every_request.request_id) filter (where not every_request.is_near_miss) as failed_count,
    count(distinct every_request.request_id) filter (where every_request.is_near_miss) as near_miss_count
from (
    select
        verdicts.request_id,
        verdicts.cause,
        verdicts.tier,
        verdicts.pod_trigger,
        false as is_near_miss
    from findings.verdicts
    union all
    select
        near_misses.request_id,
        near_misses.cause,
        near_misses.tier,
        near_misses.pod_trigger,
        true as is_near_miss
    from findings.near_misses
) as every_request
group by every_request.cause, every_request.tier, every_request.pod_trigger
