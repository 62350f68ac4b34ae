-- Access-log lines of proxies, on the reference clock.
--
-- Grain:    one row per line
-- Reads:    recording.proxy_requests, staging.source_clocks
-- Needs:    recording.proxy_requests
--
-- Columns:
--   reference                  VARCHAR  `source:line`.
--   source_id                  INTEGER  Source of the line.
--   line                       BIGINT   Line in that source.
--   proxy                      VARCHAR  Kind of proxy.
--   started_lo_ns              BIGINT   Start, earliest, reference clock.
--   started_hi_ns              BIGINT   Start, latest.
--   ended_lo_ns                BIGINT   End, earliest.
--   ended_hi_ns                BIGINT   End, latest.
--   status                     INTEGER  Status that the client got; null or 499 when it went away.
--   outcome                    VARCHAR  What a client calls it: the status, `none` when it got none, `cut` when the body was.
--   is_failed                  BOOLEAN  The client got no good answer; false: a retry healed it.
--   is_retried                 BOOLEAN  The proxy tried more than once.
--   path                       VARCHAR  Path.
--   correlation_id             VARCHAR  Id shared with the client; null when none.
--   process_id                 VARCHAR  Worker process; null when not logged.
--   connection_id              VARCHAR  Client connection's number; null when not logged.
--   flags                      VARCHAR  Envoy's response flags, HAProxy's termination state.
--   details                    VARCHAR  The proxy's reason in words.
--   upstream_name              VARCHAR  Backend or cluster.
--   upstream_addresses         VARCHAR  Comma list as logged; null when none.
--   upstream_statuses          VARCHAR  Comma list as logged.
--   upstream_connect_times_s   VARCHAR  Comma list as logged.
--   upstream_header_times_s    VARCHAR  Comma list as logged.
--   upstream_response_times_s  VARCHAR  Comma list as logged.
--   upstream_response_bytes    VARCHAR  Comma list as logged.
select
    source_clocks.source || ':' || proxy_requests.line as reference,
    proxy_requests.source_id,
    proxy_requests.line,
    proxy_requests.proxy,
    proxy_requests.started_at_ns - source_clocks.offset_hi_ns as started_lo_ns,
    proxy_requests.started_at_ns + proxy_requests.resolution_ns - source_clocks.offset_lo_ns as started_hi_ns,
    proxy_requests.ended_at_ns - source_clocks.offset_hi_ns as ended_lo_ns,
    proxy_requests.ended_at_ns + proxy_requests.resolution_ns - source_clocks.offset_lo_ns as ended_hi_ns,
    proxy_requests.status,
    case
        when coalesce(proxy_requests.is_truncated, false) then 'cut'
        when proxy_requests.status is null or proxy_requests.status in (408, 499, 460) then 'none'
        else proxy_requests.status::varchar
    end as outcome,
    (
        coalesce(proxy_requests.status >= 500 or proxy_requests.status in (408, 429, 460, 499), true)
        or coalesce(proxy_requests.is_truncated, false)
    ) as is_failed,
    coalesce(contains(proxy_requests.upstream_addresses, ','), false) as is_retried,
    proxy_requests.path,
    proxy_requests.correlation_id,
    proxy_requests.process_id,
    proxy_requests.connection_id,
    proxy_requests.flags,
    proxy_requests.details,
    proxy_requests.upstream_name,
    proxy_requests.upstream_addresses,
    proxy_requests.upstream_statuses,
    proxy_requests.upstream_connect_times_s,
    proxy_requests.upstream_header_times_s,
    proxy_requests.upstream_response_times_s,
    proxy_requests.upstream_response_bytes
from recording.proxy_requests
inner join staging.source_clocks on proxy_requests.source_id = source_clocks.source_id
