-- What somebody measured or stated about two clocks: `Date` of answers, an agent that runs on the same machine.
--
-- Samples of one pair that contradict each other mean that a clock drifted or was set: then all that they allow counts.
--
-- Kind:     table
-- Grain:    one row per pair of clocks that were compared
-- Reads:    recording.clock_samples
-- Needs:    recording.clock_samples
--
-- Columns:
--   clock           VARCHAR  The clock that is compared.
--   other           VARCHAR  The clock that it is compared with.
--   lo_ns           BIGINT   `clock` minus `other` is at least this.
--   hi_ns           BIGINT   `clock` minus `other` is at most this.
--   method          VARCHAR  sample.
--   evidence_count  BIGINT   How many samples.
--   moved_ns        BIGINT   By how much they contradict each other; 0 when they do not.
--   moved_at_ns     BIGINT   When the first was taken that contradicts those before it, clock `other`; null when none does.
with ordered as (
    select
        clock_samples.clock,
        clock_samples.reference as other,
        clock_samples.sampled_at_ns,
        clock_samples.offset_lo_ns,
        clock_samples.offset_hi_ns,
        max(clock_samples.offset_lo_ns) over before as highest_lo_ns,
        min(clock_samples.offset_hi_ns) over before as lowest_hi_ns
    from recording.clock_samples
    where clock_samples.offset_lo_ns <= clock_samples.offset_hi_ns
    window before as (
        partition by clock_samples.clock, clock_samples.reference
        order by clock_samples.sampled_at_ns, clock_samples.offset_lo_ns, clock_samples.offset_hi_ns
        rows between unbounded preceding and current row
    )
)

select
    ordered.clock,
    ordered.other,
    case
        when max(ordered.offset_lo_ns) <= min(ordered.offset_hi_ns) then max(ordered.offset_lo_ns)
        else min(ordered.offset_lo_ns)
    end as lo_ns,
    case
        when max(ordered.offset_lo_ns) <= min(ordered.offset_hi_ns) then min(ordered.offset_hi_ns)
        else max(ordered.offset_hi_ns)
    end as hi_ns,
    'sample' as method,
    count(*) as evidence_count,
    greatest(0, max(ordered.offset_lo_ns) - min(ordered.offset_hi_ns)) as moved_ns,
    min(ordered.sampled_at_ns) filter (where ordered.highest_lo_ns > ordered.lowest_hi_ns) as moved_at_ns
from ordered
group by ordered.clock, ordered.other
