-- Without a proxy's access log nobody knows which pod a request went to, nor what a retry healed.
--
-- Severity: info
-- Grain:    one row when it is so
-- Reads:    recording.proxy_requests
--
-- Columns:
--   message  VARCHAR  What is doubtful, for people.
select
    'no access log of a proxy was recorded: pods are found by time alone, which is tier C at best, '
    || 'and what a retry healed stays hidden' as message
where not exists (select 1 from recording.proxy_requests)
