-- Attempts that waited in vain, and which of them began within seconds of each other.
--
-- Kind:     table
-- Grain:    one row per attempt that the client gave up and no proxy tells of
-- Reads:    timeline.attempts
-- Needs:    timeline.attempts
--
-- Columns:
--   request_id     VARCHAR  Key of timeline.attempts.
--   attempt        INTEGER  Number of the try.
--   started_ns     BIGINT   When it began, middle of what it may be, reference clock, ns since 1970 UTC.
--   stretch_count  BIGINT   How many stretches of such attempts began up to here: the number of its own.
with waits as (
    select
        attempts.request_id,
        attempts.attempt,
        attempts.started_lo_ns // 2 + attempts.started_hi_ns // 2 as started_ns
    from timeline.attempts
    where attempts.symptom = 'timeout' and attempts.proxy_reference is null
),

-- Attempts that began within seconds of each other.
parted as (
    select
        waits.*,
        coalesce(waits.started_ns - lag(waits.started_ns) over by_start > 2000000000, true) as is_first
    from waits
    window by_start as (order by waits.started_ns, waits.request_id)
)

select
    parted.request_id,
    parted.attempt,
    parted.started_ns,
    sum(parted.is_first::integer) over (
        order by parted.started_ns, parted.request_id
        rows between unbounded preceding and current row
    )::bigint as stretch_count
from parted
