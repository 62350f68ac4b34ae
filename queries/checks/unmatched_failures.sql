-- Failed requests that the proxy's access log has no line for: they never reached it, or went another way.
--
-- Severity: info
-- Grain:    one row when there are such requests
-- Reads:    timeline.failures, timeline.proxy_matches, recording.proxy_requests
-- Needs:    recording.proxy_requests
--
-- Columns:
--   message          VARCHAR  What is doubtful, for people.
--   unmatched_count  BIGINT   Failed requests without a line.
--   failed_count     BIGINT   Failed requests of clients.
with failures as (
    select
        count(*) as failed_count,
        count(*) filter (where proxy_matches.request_id is null) as unmatched_count
    from timeline.failures
    left outer join timeline.proxy_matches on failures.request_id = proxy_matches.request_id
    where not failures.is_proxy_line
)

select
    failures.unmatched_count || ' of ' || failures.failed_count
    || ' failed requests have no line in the proxy''s access log' as message,
    failures.unmatched_count,
    failures.failed_count
from failures
where failures.unmatched_count > 0 and exists (select 1 from recording.proxy_requests)
