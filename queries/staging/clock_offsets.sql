-- How far each clock may be from the reference, the recorder's: measured where there are samples, else assumed.
--
-- Kind:     table
-- Grain:    one row per clock
-- Reads:    recording.sources, recording.clock_samples
-- Params:
--   clock_bound_ms  BIGINT  25  A clock that nobody sampled is taken to be this close to the recorder's.
--
-- Columns:
--   clock         VARCHAR  Name of the clock: client, proxy, recorder, apiserver, node.
--   offset_lo_ns  BIGINT   Clock minus reference is at least this.
--   offset_hi_ns  BIGINT   Clock minus reference is at most this.
--   is_measured   BOOLEAN  Whether samples bound it; false when it is an assumption.
with clocks as (
    select sources.clock as clock_name from recording.sources
    union
    select unnest(['recorder', 'apiserver', 'node', 'proxy', 'client']) as clock_name
),

bounds as (
    select
        clock_samples.clock as clock_name,
        max(clock_samples.offset_lo_ns) as lo_ns,
        min(clock_samples.offset_hi_ns) as hi_ns
    from recording.clock_samples
    where clock_samples.reference = 'recorder'
    group by clock_samples.clock
)

select
    clocks.clock_name as clock,
    case
        when clocks.clock_name = 'recorder' then 0
        else coalesce(least(bounds.lo_ns, bounds.hi_ns), -1000000 * getvariable('clock_bound_ms'))
    end::bigint as offset_lo_ns,
    case
        when clocks.clock_name = 'recorder' then 0
        else coalesce(greatest(bounds.lo_ns, bounds.hi_ns), 1000000 * getvariable('clock_bound_ms'))
    end::bigint as offset_hi_ns,
    (clocks.clock_name = 'recorder' or bounds.clock_name is not null) as is_measured
from clocks
left outer join bounds on clocks.clock_name = bounds.clock_name
