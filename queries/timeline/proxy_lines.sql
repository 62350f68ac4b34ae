-- Access-log lines that can explain something: those that failed, were given up by the client, or were tried twice; and
-- those whose answer broke off, which only the error log tells.
--
-- Kind:     table
-- Grain:    one row per such line
-- Reads:    staging.proxy_requests, timeline.upstream_errors
-- Needs:    staging.proxy_requests
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
with cut_lines as (
    -- nginx writes the status that it had sent on already: 200 mostly.
    select distinct proxy_requests.* replace ('cut' as outcome, true as is_failed)
    from staging.proxy_requests
    inner join timeline.upstream_errors
        on
            proxy_requests.process_id = upstream_errors.process_id
            and proxy_requests.connection_id = upstream_errors.connection_id
            and proxy_requests.started_lo_ns <= upstream_errors.logged_hi_ns
            and proxy_requests.ended_hi_ns + 20000000 >= upstream_errors.logged_lo_ns
    where
        upstream_errors.symptom = 'truncated'
        and not proxy_requests.is_failed
        and not proxy_requests.is_retried
),

lines as (
    select proxy_requests.*
    from staging.proxy_requests
    where proxy_requests.is_failed or proxy_requests.is_retried
    union all
    select cut_lines.*
    from cut_lines
)

select
    lines.reference,
    lines.source_id,
    lines.line,
    lines.proxy,
    lines.started_lo_ns,
    lines.started_hi_ns,
    lines.ended_lo_ns,
    lines.ended_hi_ns,
    lines.status,
    lines.outcome,
    lines.is_failed,
    lines.path,
    lines.correlation_id,
    lines.process_id,
    lines.connection_id,
    lines.flags,
    lines.details,
    lines.upstream_name,
    lines.upstream_addresses,
    lines.upstream_statuses,
    lines.upstream_connect_times_s,
    lines.upstream_header_times_s,
    lines.upstream_response_times_s,
    lines.upstream_response_bytes
from lines
