-- Whether a proxy's line was the first request on its client's connection.
--
-- Grain:    one row per line whose proxy logs that
-- Reads:    recording.proxy_requests, staging.source_clocks
-- Needs:    recording.proxy_requests
--
-- Columns:
--   reference  VARCHAR  `source:line`.
--   is_new     BOOLEAN  It was the first on its connection.
select
    source_clocks.source || ':' || proxy_requests.line as reference,
    proxy_requests.connection_requests = 1 as is_new
from recording.proxy_requests
inner join staging.source_clocks on proxy_requests.source_id = source_clocks.source_id
where proxy_requests.connection_requests is not null
