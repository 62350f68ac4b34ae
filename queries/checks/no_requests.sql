-- No source holds a request, so there is nothing to judge.
--
-- Severity: error
-- Grain:    one row when it is so
-- Reads:    staging.requests, recording.sources
--
-- Columns:
--   message       VARCHAR  What is doubtful, for people.
--   source_count  BIGINT   Sources in the recording.
select
    'no request is in this recording: none of its ' || count(*)
    || ' sources is a per-request log of a load test or an access log of a proxy' as message,
    count(*) as source_count
from recording.sources
having not exists (select 1 from staging.requests)
