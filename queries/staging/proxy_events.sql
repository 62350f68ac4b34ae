-- What proxies and their controllers logged beside requests, on the reference clock.
--
-- Grain:    one row per logged event
-- Reads:    recording.proxy_events, staging.source_clocks
-- Needs:    recording.proxy_events
--
-- Columns:
--   reference         VARCHAR  `source:line`.
--   source_id         INTEGER  Source of the line.
--   line              BIGINT   Line in that source.
--   proxy             VARCHAR  Kind of proxy.
--   event             VARCHAR  upstream_error, reload_began, reload_done, …
--   logged_lo_ns      BIGINT   Earliest, reference clock.
--   logged_hi_ns      BIGINT   Latest, reference clock.
--   clock             VARCHAR  Clock that dated it.
--   process_id        VARCHAR  Worker process; null when not logged.
--   connection_id     VARCHAR  Client connection's number; null when not logged.
--   upstream_address  VARCHAR  ip:port, or the upstream's name; null when not logged.
--   config_version    VARCHAR  Version that is taken into use; null when not logged.
--   duration_ms       DOUBLE   How long the logged step took, ms; null when not logged.
--   message           VARCHAR  The line's text.
select
    source_clocks.source || ':' || proxy_events.line as reference,
    proxy_events.source_id,
    proxy_events.line,
    proxy_events.proxy,
    proxy_events.event,
    proxy_events.logged_at_ns - source_clocks.offset_hi_ns as logged_lo_ns,
    proxy_events.logged_at_ns + proxy_events.resolution_ns - source_clocks.offset_lo_ns as logged_hi_ns,
    source_clocks.clock,
    proxy_events.process_id,
    proxy_events.connection_id,
    proxy_events.upstream_address,
    proxy_events.config_version,
    proxy_events.duration_ms,
    proxy_events.message
from recording.proxy_events
inner join staging.source_clocks on proxy_events.source_id = source_clocks.source_id
