-- How many requests there were, and from when to when.
--
-- Grain:    one row
-- Reads:    staging.requests, timeline.failures, findings.near_misses
--
-- Columns:
--   request_count    BIGINT  Requests that were sent.
--   failed_count     BIGINT  Requests that failed.
--   near_miss_count  BIGINT  Requests that a retry of the proxy healed.
select
    (select count(*) from staging.requests) as request_count,
    (select count(*) from timeline.failures) as failed_count,
    (select count(distinct near_misses.request_id) from findings.near_misses) as near_miss_count
