-- Access-log lines that can explain something: those that failed, were given up by the client, or were tried twice; and
-- those whose answer broke off, which only the error log tells. Where a log keeps only failures, such a line is missing
-- (its status is 200): the line of the error log stands for it.
--
-- Kind:     table
-- Grain:    one row per such line
-- Reads:    staging.proxy_requests, timeline.upstream_errors
--
-- Columns:
--   reference                  VARCHAR  `source:line`.
--   source_id                  INTEGER  Source of the line; null when only the error log tells.
--   line                       BIGINT   Line in that source; null when only the error log tells.
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

noted as (
    select proxy_requests.*
    from staging.proxy_requests
    where proxy_requests.is_failed or proxy_requests.is_retried
    union all
    select cut_lines.*
    from cut_lines
)

select
    noted.reference,
    noted.source_id,
    noted.line,
    noted.proxy,
    noted.started_lo_ns,
    noted.started_hi_ns,
    noted.ended_lo_ns,
    noted.ended_hi_ns,
    noted.status,
    noted.outcome,
    noted.is_failed,
    noted.path,
    noted.correlation_id,
    noted.process_id,
    noted.connection_id,
    noted.flags,
    noted.details,
    noted.upstream_name,
    noted.upstream_addresses,
    noted.upstream_statuses,
    noted.upstream_connect_times_s,
    noted.upstream_header_times_s,
    noted.upstream_response_times_s,
    noted.upstream_response_bytes
from noted
union all
-- An answer that broke off, of which the access log has no line.
select
    upstream_errors.reference,
    null as source_id,
    null as line,
    'nginx' as proxy,
    upstream_errors.logged_lo_ns as started_lo_ns,
    upstream_errors.logged_hi_ns as started_hi_ns,
    upstream_errors.logged_lo_ns as ended_lo_ns,
    upstream_errors.logged_hi_ns as ended_hi_ns,
    null as status,
    'cut' as outcome,
    true as is_failed,
    null as path,
    null as correlation_id,
    upstream_errors.process_id,
    upstream_errors.connection_id,
    null as flags,
    null as details,
    null as upstream_name,
    upstream_errors.upstream_address as upstream_addresses,
    null as upstream_statuses,
    null as upstream_connect_times_s,
    null as upstream_header_times_s,
    null as upstream_response_times_s,
    null as upstream_response_bytes
from timeline.upstream_errors
where
    upstream_errors.symptom = 'truncated'
    and upstream_errors.upstream_ip is not null
    and not exists (
        select 1 from staging.proxy_requests
        where
            upstream_errors.process_id = proxy_requests.process_id
            and upstream_errors.connection_id = proxy_requests.connection_id
            and proxy_requests.started_lo_ns <= upstream_errors.logged_hi_ns
            and proxy_requests.ended_hi_ns + 20000000 >= upstream_errors.logged_lo_ns
    )
