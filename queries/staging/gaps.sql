-- When something that was to be recorded was not listened to in time. A watch that goes on from where it broke off is
-- told all that it missed: that it was deaf for a moment is no gap, unless the moment was long.
--
-- Grain:    one row per gap
-- Reads:    recording.gaps
-- Needs:    recording.gaps
-- Params:
--   heard_late_ms  BIGINT  1000  What was told afterwards counts as heard in time when the gap was no longer than this.
--
-- Columns:
--   subject    VARCHAR  What was not heard.
--   reason     VARCHAR  Why.
--   from_ns    BIGINT   Last moment it was surely heard, reference clock.
--   until_ns   BIGINT   Heard again; null when it never was.
--   is_healed  BOOLEAN  What came meanwhile was told afterwards: it is there, but late.
select
    gaps.subject,
    gaps.reason,
    gaps.from_ns,
    gaps.until_ns,
    coalesce(gaps.is_healed, false) as is_healed
from recording.gaps
where
    not coalesce(gaps.is_healed, false)
    or gaps.until_ns - gaps.from_ns > getvariable('heard_late_ms') * 1000000
