-- Each source with the offset bounds of the clock that its instants are of.
--
-- Kind:     table
-- Grain:    one row per source
-- Reads:    recording.sources, staging.clock_offsets
--
-- Columns:
--   source_id     INTEGER  Key of recording.sources.
--   source        VARCHAR  Name of the source, as people know the file.
--   clock         VARCHAR  Name of its clock.
--   offset_lo_ns  BIGINT   That clock minus the reference is at least this.
--   offset_hi_ns  BIGINT   That clock minus the reference is at most this.
select
    sources.source_id,
    sources.name as source,
    sources.clock,
    clock_offsets.offset_lo_ns,
    clock_offsets.offset_hi_ns
from recording.sources
inner join staging.clock_offsets on sources.clock = clock_offsets.clock
