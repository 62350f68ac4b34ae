-- Errors with an upstream that a proxy logged in words.
--
-- Kind:     table
-- Grain:    one row per logged error
-- Reads:    staging.proxy_events
-- Needs:    staging.proxy_events
--
-- Columns:
--   reference         VARCHAR  `source:line`.
--   process_id        VARCHAR  Worker process; null when not logged.
--   connection_id     VARCHAR  Client connection's number; null when not logged.
--   upstream_address  VARCHAR  ip:port, or the upstream's name; null when not logged.
--   upstream_ip       VARCHAR  Address alone; null for a name.
--   logged_lo_ns      BIGINT   Earliest, reference clock.
--   logged_hi_ns      BIGINT   Latest, reference clock.
--   symptom           VARCHAR  What the words say: refused, reset, unreachable, …; null when nothing we know.
--   message           VARCHAR  The words.
select
    proxy_events.reference,
    proxy_events.process_id,
    proxy_events.connection_id,
    proxy_events.upstream_address,
    nullif(regexp_extract(proxy_events.upstream_address, '^\[?([0-9a-fA-F:.]+?)\]?:\d+$', 1), '')
        as upstream_ip,
    proxy_events.logged_lo_ns,
    proxy_events.logged_hi_ns,
    case
        -- Where NGINX Ingress Controller sends requests of a Service without endpoints: nobody listens there.
        when proxy_events.upstream_address = '127.0.0.1:8181' then 'no_endpoints'
        when
            contains(proxy_events.message, 'timed out') and contains(proxy_events.message, 'while reading')
            then 'read_timeout'
        else symptom_of_text(proxy_events.message)
    end as symptom,
    proxy_events.message
from staging.proxy_events
where proxy_events.event = 'upstream_error'
