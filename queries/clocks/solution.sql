-- How far apart any two clocks are: the tightest bounds that follow from all evidence, and from the assumption that
-- clocks of which nothing better is known are close to each other. Filled by `zdtrace/analysis/clocks.py`.
--
-- Kind:     solved
-- Grain:    one row per ordered pair of clocks
-- Params:
--   clock_bound_ms  BIGINT  25  Two clocks are taken to be this close to each other, unless the recording refutes it.
--
-- Columns:
--   clock         VARCHAR  Name of the clock: client, proxy, recorder, apiserver, controllers, node, …; `time`, the true one.
--   other         VARCHAR  Name of the other.
--   lo_ns         BIGINT   `clock` minus `other` is at least this.
--   hi_ns         BIGINT   `clock` minus `other` is at most this.
--   proven_lo_ns  BIGINT   The same without the assumption; null when the evidence does not say.
--   proven_hi_ns  BIGINT   The same without the assumption; null when the evidence does not say.
--   is_freed      BOOLEAN  `clock` does not, or may not, keep time as closely as assumed.
select
    null::varchar as clock,
    null::varchar as other,
    null::bigint as lo_ns,
    null::bigint as hi_ns,
    null::bigint as proven_lo_ns,
    null::bigint as proven_hi_ns,
    null::boolean as is_freed
where false
