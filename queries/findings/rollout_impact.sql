-- What each rollout cost. Rollouts that overlap are one block: which of them a request suffered from cannot be told. A
-- request belongs to the last block that had begun when it started, so a block ends where the next one begins.
--
-- Grain:    one row per block of overlapping rollouts, in the order of time
-- Reads:    timeline.rollouts, timeline.failures, staging.requests, staging.source_clocks
-- Needs:    timeline.rollouts
--
-- Columns:
--   started_lo_ns  BIGINT     The first pod of a new template was created, earliest, reference clock.
--   workloads      VARCHAR[]  The workloads that were replaced, `namespace/kind/name`, in their order.
--   request_count  BIGINT     Requests that started since, before the next block.
--   failed_count   BIGINT     Of these, how many failed.
with ordered as (
    select
        rollouts.started_lo_ns,
        rollouts.namespace || '/' || rollouts.workload as workload,
        coalesce(rollouts.ended_hi_ns, 9223372036854775807) as ended_hi_ns,
        max(coalesce(rollouts.ended_hi_ns, 9223372036854775807)) over (
            order by rollouts.started_lo_ns, rollouts.template_hash
            rows between unbounded preceding and 1 preceding
        ) as before_hi_ns,
        rollouts.template_hash
    from timeline.rollouts
),

numbered as (
    select
        ordered.started_lo_ns,
        ordered.workload,
        count(*) filter (where coalesce(ordered.before_hi_ns < ordered.started_lo_ns, true)) over (
            order by ordered.started_lo_ns, ordered.template_hash
        ) as block
    from ordered
),

blocks as (
    select
        min(numbered.started_lo_ns) as started_lo_ns,
        lead(min(numbered.started_lo_ns), 1, 9223372036854775807)
            over (order by numbered.block)
            as next_lo_ns,
        list(distinct numbered.workload order by numbered.workload) as workloads
    from numbered
    group by numbered.block
),

requests as (
    select
        requests.started_at_ns
        + coalesce(requests.resolution_ns, 0)
        - source_clocks.offset_lo_ns as started_hi_ns
    from staging.requests
    inner join staging.source_clocks on requests.source_id = source_clocks.source_id
),

sent as (
    select
        blocks.started_lo_ns,
        count(*) as request_count
    from requests
    inner join blocks
        on requests.started_hi_ns >= blocks.started_lo_ns and requests.started_hi_ns < blocks.next_lo_ns
    group by blocks.started_lo_ns
),

failed as (
    select
        blocks.started_lo_ns,
        count(*) as failed_count
    from timeline.failures
    inner join blocks
        on failures.started_hi_ns >= blocks.started_lo_ns and failures.started_hi_ns < blocks.next_lo_ns
    group by blocks.started_lo_ns
)

select
    blocks.started_lo_ns,
    blocks.workloads,
    coalesce(sent.request_count, 0) as request_count,
    coalesce(failed.failed_count, 0) as failed_count
from blocks
left outer join sent on blocks.started_lo_ns = sent.started_lo_ns
left outer join failed on blocks.started_lo_ns = failed.started_lo_ns
order by blocks.started_lo_ns
