-- What verdicts would turn into if their likeliest cause were wrong.
--
-- Grain:    one row per next likely cause, most frequent first
-- Reads:    findings.verdicts
-- Needs:    findings.verdicts
--
-- Columns:
--   cause         VARCHAR  Name of the next likely cause.
--   failed_count  BIGINT   Failed requests that could be it as well.
select
    verdicts.runner_up as cause,
    count(*) as failed_count
from findings.verdicts
where verdicts.runner_up is not null
group by verdicts.runner_up
order by failed_count desc, verdicts.runner_up asc
