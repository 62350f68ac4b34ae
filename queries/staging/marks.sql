-- What we or somebody did and when, on the reference clock.
--
-- Grain:    one row per mark
-- Reads:    recording.marks, staging.source_clocks, staging.clock_offsets
-- Needs:    recording.marks
--
-- Columns:
--   reference      VARCHAR  `source:line`.
--   started_lo_ns  BIGINT   When it began, earliest, reference clock.
--   started_hi_ns  BIGINT   When it began, latest.
--   clock          VARCHAR  Clock that dated it.
--   label          VARCHAR  What was done, in words.
select
    source_clocks.source || ':' || marks.line as reference,
    marks.started_at_ns - clock_offsets.offset_hi_ns as started_lo_ns,
    marks.started_at_ns - clock_offsets.offset_lo_ns as started_hi_ns,
    marks.clock,
    marks.label
from recording.marks
inner join staging.clock_offsets on marks.clock = clock_offsets.clock
inner join staging.source_clocks on marks.source_id = source_clocks.source_id
