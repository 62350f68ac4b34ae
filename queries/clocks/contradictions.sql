-- Evidence about clocks that cannot all be true: one of them was set meanwhile, or a record is wrong. Filled by
-- `zdtrace/analysis/clocks.py`, which widens every part of a contradiction by its size.
--
-- Kind:     solved
-- Grain:    one row per circle of bounds that contradict each other
--
-- Columns:
--   clocks   VARCHAR[]  Names of the clocks.
--   size_ns  BIGINT     By how much the bounds contradict each other, ns.
--   methods  VARCHAR[]  Where the bounds came from: sample, watch, written, deleted, created, id, order, answered.
select
    null::varchar[] as clocks,
    null::bigint as size_ns,
    null::varchar[] as methods
where false
