-- From which preStop on each failed request would not have failed. What the last try met decides; where several pods or
-- causes may have been it, the request is surely spared only when it is so for each of them.
--
-- A request that was refused by an ended pod would have found it alive. When the application breaks off what runs at
-- SIGTERM, it must have been answered by then too, in the time that all but one of 1000 answers take. Where the proxy
-- stops trying a pod after a failure, or a request was cut, others may come in its place until the path has taken the
-- removal into use.
--
-- Kind:     table
-- Grain:    one row per failed request
-- Reads:    findings.verdicts, causes.every, timeline.pod_lifecycles, findings.prestop_evidence, timeline.attempts,
--           findings.answer_times, timeline.pod_tries
-- Needs:    findings.verdicts
--
-- Columns:
--   request_id      VARCHAR    Key of timeline.failures.
--   workloads       VARCHAR[]  Workloads of the pods that may have been it, `namespace/kind/name`; null when no pod may.
--   cause           VARCHAR    As in findings.verdicts.
--   tier            VARCHAR    As in findings.verdicts.
--   runner_up       VARCHAR    As in findings.verdicts.
--   is_single       BOOLEAN    It had one try.
--   spared_from_s   DOUBLE     A preStop of this length may have spared it; null when none would.
--   spared_surely_s DOUBLE     A preStop of this length surely had; null when none surely would.
with evidence as (
    select
        prestop_evidence.pod_uid,
        bool_or(prestop_evidence.cut_count > 0) as has_cut,
        bool_or(prestop_evidence.is_last_failed and starts_with(prestop_evidence.proxy, 'nginx'))
            as is_ejected,
        bool_and(prestop_evidence.path_kind = 'service') as is_service,
        -- By then no request comes to it any more; null when that was not seen.
        max(greatest(coalesce(prestop_evidence.last_lo_s, 0), prestop_evidence.settled_s)) as settled_s
    from findings.prestop_evidence
    group by prestop_evidence.pod_uid
),

workloads as (
    select
        prestop_evidence.namespace,
        prestop_evidence.workload,
        sum(prestop_evidence.cut_count) > 0 as is_cutting
    from findings.prestop_evidence
    group by prestop_evidence.namespace, prestop_evidence.workload
),

left_over as (
    select
        pod_tries.reference as request_id,
        pod_tries.pod_uid
    from timeline.pod_tries
    where not pod_tries.is_new_connection
),

candidates as (
    select
        verdicts.request_id,
        every.cause,
        pod_lifecycles.namespace,
        pod_lifecycles.workload,
        every.cause in ('endpoint_lag_refused', 'endpoint_lag_blackhole', 'control_plane_lag') as is_lag,
        every.cause = 'inflight_cut_sigterm' as is_cut,
        coalesce(workloads.is_cutting, true) as is_cutting,
        evidence.is_service,
        evidence.is_ejected,
        evidence.settled_s,
        coalesce(answer_times.usual_s, 0) as answer_s,
        coalesce(least(pod_lifecycles.prestop_s, pod_lifecycles.grace_s), 0) as prestop_s,
        (attempts.started_lo_ns - pod_lifecycles.killed_hi_ns) / 1e9 as started_lo_s,
        (attempts.started_hi_ns - pod_lifecycles.killed_lo_ns) / 1e9 as started_hi_s,
        left_over.request_id is not null as is_left_over,
        (attempts.ended_lo_ns - pod_lifecycles.killed_hi_ns) / 1e9 as ended_lo_s
    from findings.verdicts
    cross join findings.answer_times
    inner join timeline.attempts
        on verdicts.request_id = attempts.request_id and verdicts.attempt = attempts.attempt
    inner join causes.every
        on verdicts.request_id = every.request_id and verdicts.attempt = every.attempt
    left outer join timeline.pod_lifecycles on every.pod_uid = pod_lifecycles.pod_uid
    left outer join evidence on every.pod_uid = evidence.pod_uid
    left outer join left_over
        on every.request_id = left_over.request_id and every.pod_uid = left_over.pod_uid
    left outer join workloads
        on pod_lifecycles.namespace = workloads.namespace and pod_lifecycles.workload = workloads.workload
),

effects as (
    select
        candidates.*,
        -- What was recorded is what the recorded preStop does: only a longer one spares anything.
        case
            -- A connection through the Service that was lost when the Service had long settled met what an earlier loss
            -- left behind (a stale entry of conntrack): without that one it would not have been lost either.
            when
                candidates.is_lag
                and (
                    candidates.is_left_over
                    or (candidates.is_service and candidates.settled_s < candidates.started_lo_s)
                )
                then candidates.prestop_s + 0.001
            when candidates.is_lag then greatest(candidates.started_lo_s, candidates.prestop_s + 0.001)
            when candidates.is_cut then greatest(candidates.ended_lo_s, candidates.prestop_s + 0.001)
        end as from_s,
        case
            when candidates.is_lag and not coalesce(candidates.is_ejected, false)
                then
                    greatest(candidates.started_hi_s, candidates.prestop_s + 0.001)
                    + if(candidates.is_cutting, candidates.answer_s, 0)
            when candidates.is_lag
                then
                    greatest(candidates.started_hi_s, candidates.settled_s, candidates.prestop_s + 0.001)
                    + if(candidates.is_cutting, candidates.answer_s, 0)
                    + if(candidates.settled_s is null, null, 0)
            -- An older connection of the client's own stays on the pod, however long it lives on.
            when candidates.is_cut and not coalesce(candidates.is_service, true)
                then
                    greatest(candidates.started_hi_s, candidates.settled_s, candidates.prestop_s + 0.001)
                    + candidates.answer_s
                    + if(candidates.settled_s is null, null, 0)
        end as surely_s
    from candidates
)

select
    verdicts.request_id,
    list(
        distinct effects.namespace
        || '/'
        || effects.workload
        order by effects.namespace || '/' || effects.workload
    )
    filter (where effects.workload is not null) as workloads,
    any_value(verdicts.cause) as cause,
    any_value(verdicts.tier) as tier,
    any_value(verdicts.runner_up) as runner_up,
    any_value(verdicts.attempt_count) = 1 as is_single,
    min(effects.from_s) as spared_from_s,
    case when count(effects.surely_s) = count(effects.cause) then max(effects.surely_s) end as spared_surely_s
from findings.verdicts
left outer join effects on verdicts.request_id = effects.request_id
group by verdicts.request_id
