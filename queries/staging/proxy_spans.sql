-- From when to when each proxy's access log was recorded.
--
-- Grain:    one row per source with access-log lines
-- Reads:    recording.sources, staging.source_clocks
--
-- Columns:
--   source_id    INTEGER  Key of recording.sources.
--   first_lo_ns  BIGINT   First request, earliest, reference clock.
--   last_hi_ns   BIGINT   Last request, latest, reference clock.
select
    sources.source_id,
    sources.first_at_ns - source_clocks.offset_hi_ns as first_lo_ns,
    sources.last_at_ns + sources.resolution_ns - source_clocks.offset_lo_ns as last_hi_ns
from recording.sources
inner join staging.source_clocks on sources.source_id = source_clocks.source_id
where sources.proxy_request_count > 0
