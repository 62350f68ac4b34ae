-- How far each clock may be from the reference, the recorder's.
--
-- Kind:     table
-- Grain:    one row per clock
-- Reads:    clocks.solution
--
-- Columns:
--   clock                VARCHAR  Name of the clock: client, proxy, recorder, apiserver, controllers, node, …
--   offset_lo_ns         BIGINT   Clock minus reference is at least this.
--   offset_hi_ns         BIGINT   Clock minus reference is at most this.
--   proven_lo_ns         BIGINT   The same by the recording's own evidence; null when it does not say.
--   proven_hi_ns         BIGINT   The same by the recording's own evidence; null when it does not say.
--   is_measured          BOOLEAN  The evidence alone bounds it as closely; false when that rests on the assumption.
--   is_freed             BOOLEAN  It does not, or may not, keep time as closely as assumed.
select
    solution.clock,
    solution.lo_ns as offset_lo_ns,
    solution.hi_ns as offset_hi_ns,
    solution.proven_lo_ns,
    solution.proven_hi_ns,
    coalesce(solution.lo_ns <= solution.proven_lo_ns and solution.hi_ns >= solution.proven_hi_ns, false)
        as is_measured,
    solution.is_freed
from clocks.solution
where solution.other = 'recorder' and solution.clock <> 'time'
