-- When something that was to be recorded was not listened to.
--
-- Grain:    one row per gap
-- Reads:    recording.gaps
-- Needs:    recording.gaps
--
-- Columns:
--   subject   VARCHAR  What was not heard.
--   from_ns   BIGINT   Last moment it was surely heard, reference clock.
--   until_ns  BIGINT   Heard again; null when it never was.
select
    gaps.subject,
    gaps.from_ns,
    gaps.until_ns
from recording.gaps
