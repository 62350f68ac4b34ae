-- Clocks that do not, or may not, keep time as closely as time services let them, by what the recording holds. The
-- verdicts count with it; clocks in step would make them surer.
--
-- Severity: warning
-- Grain:    one row per such clock
-- Reads:    clocks.solution
--
-- Columns:
--   message   VARCHAR  What is doubtful, for people.
--   clock     VARCHAR  Name of the clock.
--   lo_ms     DOUBLE   It is ahead of the others by at least this, ms; below 0 it is behind.
--   hi_ms     DOUBLE   It is ahead of the others by at most this, ms.
select
    'the clock `' || solution.clock || '` '
    || case
        when
            solution.lo_ns > 1000000 * getvariable('clock_bound_ms')
            or solution.hi_ns < -1000000 * getvariable('clock_bound_ms')
            then 'is'
        else 'may be'
    end
    || ' out of step with the others: '
    || case
        when solution.hi_ns < 0
            then
                round(-solution.hi_ns / 1e6)::bigint || ' to ' || round(-solution.lo_ns / 1e6)::bigint
                || ' ms behind'
        else
            round(solution.lo_ns / 1e6)::bigint || ' to ' || round(solution.hi_ns / 1e6)::bigint
            || ' ms ahead'
    end
    || '; let all machines keep time (chrony, NTP)' as message,
    solution.clock,
    solution.lo_ns / 1e6 as lo_ms,
    solution.hi_ns / 1e6 as hi_ms
from clocks.solution
where solution.other = 'time' and solution.is_freed
