-- From when to when each source sent requests: clients, or proxies where no client logged anything.
--
-- Grain:    one row per source of requests
-- Reads:    recording.sources, staging.source_clocks
--
-- Columns:
--   source_id      INTEGER  Key of recording.sources.
--   source         VARCHAR  Name of the source.
--   request_count  BIGINT   Requests that it holds.
--   first_lo_ns    BIGINT   First request, earliest, reference clock.
--   first_hi_ns    BIGINT   First request, latest.
--   last_lo_ns     BIGINT   End of the last request, earliest.
--   last_hi_ns     BIGINT   End of the last request, latest.
select
    sources.source_id,
    sources.name as source,
    greatest(sources.request_count, sources.proxy_request_count) as request_count,
    sources.first_at_ns - source_clocks.offset_hi_ns as first_lo_ns,
    sources.first_at_ns + sources.resolution_ns - source_clocks.offset_lo_ns as first_hi_ns,
    sources.last_at_ns - source_clocks.offset_hi_ns as last_lo_ns,
    sources.last_at_ns + sources.resolution_ns - source_clocks.offset_lo_ns as last_hi_ns
from recording.sources
inner join staging.source_clocks on sources.source_id = source_clocks.source_id
where
    sources.request_count > 0
    or (sources.proxy_request_count > 0 and not getvariable('has_client_requests'))
