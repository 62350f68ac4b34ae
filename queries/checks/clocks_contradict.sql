-- What the recording says of its clocks cannot all be true: a clock was set, or drifted, while it was recorded, or a
-- record is wrong. Verdicts that compare these clocks are made as doubtful as that.
--
-- Severity: warning
-- Grain:    one row per contradiction, and one per pair of clocks that moved
-- Reads:    clocks.contradictions, clocks.samples, clocks.ids
-- Params:
--   clock_moved_ms  BIGINT  5  A clock that moved by less than this during the recording is not worth a word.
--
-- Columns:
--   message   VARCHAR    What is doubtful, for people.
--   clocks    VARCHAR[]  Names of the clocks.
--   size_ms   DOUBLE     By how much the evidence contradicts itself, ms.
with moves as (
    select
        samples.clock,
        samples.other,
        samples.moved_ns,
        samples.moved_at_ns
    from clocks.samples
    union all
    select
        ids.clock,
        ids.other,
        ids.moved_ns,
        ids.moved_at_ns
    from clocks.ids
)

select
    'what is known of the clocks ' || array_to_string(contradictions.clocks, ', ')
    || ' contradicts itself by ' || round(contradictions.size_ns / 1e6)::bigint || ' ms (by '
    || array_to_string(contradictions.methods, ', ')
    || '): a clock was set while it was recorded, or a log is of another time or machine; record once '
    || 'more with clocks in step' as message,
    contradictions.clocks,
    contradictions.size_ns / 1e6 as size_ms
from clocks.contradictions
where contradictions.size_ns > 1000000 * getvariable('clock_moved_ms')
union all
select
    'the clock `' || moves.clock || '` moved by ' || round(moves.moved_ns / 1e6)::bigint || ' ms against `'
    || moves.other || '` while it was recorded, at '
    || strftime(make_timestamp(moves.moved_at_ns // 1000), '%H:%M:%S')
    || ' UTC: it was set or drifts; verdicts count with all that it showed' as message,
    [moves.clock, moves.other] as clocks,
    moves.moved_ns / 1e6 as size_ms
from moves
where moves.moved_ns > 1000000 * getvariable('clock_moved_ms')
