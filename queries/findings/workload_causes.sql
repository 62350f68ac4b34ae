-- What each cause cost each workload, and every workload that was replaced while requests were sent, whether it lost
-- any or not.
--
-- Grain:    one row per workload and cause, and one per workload that lost nothing
-- Reads:    findings.verdicts, timeline.pod_lifecycles, timeline.rollouts
--
-- Columns:
--   workload      VARCHAR    `namespace/kind/name` of the pod that failed the requests; null when no pod is known.
--   cause         VARCHAR    Name of the cause, or `unattributed`; null for a workload that lost nothing.
--   failed_count  BIGINT     Failed requests.
--   exemplars     VARCHAR[]  The surest and earliest of them, three at most; null when none failed.
with lost as (
    select
        pod_lifecycles.namespace || '/' || pod_lifecycles.workload as workload,
        verdicts.cause,
        count(*) as failed_count,
        list(
            verdicts.request_id
            order by verdicts.tier asc, verdicts.started_at_ns asc, verdicts.line asc
        )[:3] as exemplars
    from findings.verdicts
    left outer join timeline.pod_lifecycles on verdicts.pod_uid = pod_lifecycles.pod_uid
    group by all
),

replaced as (
    select distinct rollouts.namespace || '/' || rollouts.workload as workload
    from timeline.rollouts
)

select
    coalesce(lost.workload, replaced.workload) as workload,
    lost.cause,
    coalesce(lost.failed_count, 0) as failed_count,
    lost.exemplars
from lost
full outer join replaced on lost.workload = replaced.workload
order by workload asc nulls last, failed_count desc, lost.cause asc
