-- A stamp is older than the moment at which the recorder saw it, so that its clock is at most so far behind.
--
-- How far it is ahead nothing says for sure: the fastest of several versions that came live arrived within `watch_lag_ms`.
--
-- Kind:     table
-- Grain:    one row per clock of the cluster and recorder
-- Reads:    clocks.stamps
-- Needs:    clocks.stamps
-- Params:
--   watch_lag_ms  BIGINT  250  The fastest of three live versions was seen within this after it was written.
--
-- Columns:
--   clock           VARCHAR  The clock that wrote the stamps.
--   other           VARCHAR  The recorder's.
--   lo_ns           BIGINT   `clock` minus `other` is at least this.
--   hi_ns           BIGINT   Always null: a late observation is no clock that is behind.
--   likely_hi_ns    BIGINT   `clock` minus `other` is at most this if the fastest version came in time; null when too few.
--   method          VARCHAR  watch.
--   evidence_count  BIGINT   How many stamps.
with by_machine as (
    select
        stamps.clock,
        stamps.node_name,
        stamps.seen_by as other,
        max(stamps.written_lo_ns - stamps.seen_ns) as lo_ns,
        max(stamps.written_lo_ns - stamps.seen_ns) filter (
            where stamps.written_hi_ns - stamps.written_lo_ns <= 1000
        ) as latest_ns,
        count(*) filter (where stamps.written_hi_ns - stamps.written_lo_ns <= 1000) as exact_count,
        count(*) as evidence_count
    from clocks.stamps
    where stamps.seen_ns is not null
    group by stamps.clock, stamps.node_name, stamps.seen_by
)

-- Of several nodes the widest bounds: `node` is any of them.
select
    by_machine.clock,
    by_machine.other,
    min(by_machine.lo_ns)::bigint as lo_ns,
    null::bigint as hi_ns,
    case
        when min(by_machine.exact_count) >= 3
            then max(by_machine.latest_ns) + 1000000 * getvariable('watch_lag_ms')
    end::bigint as likely_hi_ns,
    'watch' as method,
    sum(by_machine.evidence_count)::bigint as evidence_count
from by_machine
group by by_machine.clock, by_machine.other
