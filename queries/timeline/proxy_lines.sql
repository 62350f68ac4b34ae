-- Access-log lines that can explain something: those that failed, were given up by the client, or were tried twice.
--
-- Kind:     table
-- Grain:    one row per such line
-- Reads:    staging.proxy_requests
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
    proxy_requests.reference,
    proxy_requests.source_id,
    proxy_requests.line,
    proxy_requests.proxy,
    proxy_requests.started_lo_ns,
    proxy_requests.started_hi_ns,
    proxy_requests.ended_lo_ns,
    proxy_requests.ended_hi_ns,
    proxy_requests.status,
    proxy_requests.outcome,
    proxy_requests.is_failed,
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
from staging.proxy_requests
where proxy_requests.is_failed or proxy_requests.is_retried
