-- The pod was in rotation before it listened: it has no readiness probe, or one that does not ask the right thing.
--
-- Title: Sent to a pod that did not listen yet
-- Clause: went to a new pod that did not listen yet
-- Remedy: a readiness probe (and a startup probe for slow starts) that asks the port that serves
-- Where: startup
-- Fixed by: readiness_probe
-- Prestop helps: no
-- Not when: the pod had answered before, a container of it had ended before (then it crashed), it was being deleted, or
--               its Service serves pods that are not ready (then no probe helps)
-- Told by: the proxy's line with the new pod's address, and when it answered first
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods, timeline.attempts, timeline.rollouts, timeline.pod_lifecycles,
--           staging.proxy_requests
-- Needs: timeline.attempt_pods
-- Params:
--   shallow_probe_s  BIGINT  10  A pod whose probe asks the wrong thing may refuse for so long after it became Ready.
--   start_decay_s  BIGINT  15  How fast the chance fades that a started pod does not listen yet (1/e), by time alone.
-- See: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  Start of the pod's container.
--   evidence_ref  VARCHAR                   The proxy's line, else what tells of the pod: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   rollout for a pod of a new template, else start.
--   since_start_ms DOUBLE                   From the container's start to the try, ms (earliest start).
--   has_readiness BOOLEAN                   Whether the pod has a readiness or startup probe.
with tried_addresses as (
    select distinct
        attempt_pods.pod_uid,
        attempts.upstream_address,
        attempt_pods.started_pod_lo_ns
    from timeline.attempt_pods
    inner join timeline.attempts
        on attempt_pods.request_id = attempts.request_id and attempt_pods.attempt = attempts.attempt
    -- Mostly nobody refused but pods that were being deleted: then no answer is looked for.
    where
        attempt_pods.linked_by = 'address'
        and attempt_pods.symptom = 'refused'
        and not attempt_pods.has_crashed
        and (not attempt_pods.is_deleted or attempt_pods.ended_hi_ns < attempt_pods.deleted_lo_ns)
),

first_answers as (
    select
        tried_addresses.pod_uid,
        min(proxy_requests.ended_hi_ns) as answered_hi_ns
    from tried_addresses
    inner join staging.proxy_requests
        on
            tried_addresses.upstream_address = proxy_requests.upstream_addresses
            and tried_addresses.started_pod_lo_ns <= proxy_requests.started_hi_ns
    where not proxy_requests.is_failed
    group by tried_addresses.pod_uid
)

select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.started_pod_lo_ns, attempt_pods.started_pod_lo_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    tier_of(attempt_pods.linked_by, attempt_pods.matched_by, attempt_pods.evidence, true) as tier,
    case
        when attempt_pods.linked_by <> 'time' then 1.0
        -- By time alone: the longer ago it started, the less likely it is that it does not listen yet.
        else 0.35 * exp(
            -greatest(0, (attempt_pods.started_lo_ns - attempt_pods.started_pod_lo_ns) / 1e9)
            / getvariable('start_decay_s')
        )
    end::double as weight,
    attempt_pods.pod_uid,
    case
        when exists (
            select 1 from timeline.rollouts
            where
                rollouts.workload = pod_lifecycles.workload
                and rollouts.template_hash = attempt_pods.template_hash
        ) then 'rollout'
        else 'start'
    end as pod_trigger,
    (attempt_pods.ended_lo_ns - attempt_pods.started_pod_lo_ns) / 1e6 as since_start_ms,
    attempt_pods.has_readiness
from timeline.attempt_pods
inner join timeline.pod_lifecycles on attempt_pods.pod_uid = pod_lifecycles.pod_uid
left outer join first_answers on attempt_pods.pod_uid = first_answers.pod_uid
where
    not attempt_pods.has_crashed
    and not (attempt_pods.is_not_ready_served and attempt_pods.has_readiness)
    and coalesce(attempt_pods.started_lo_ns <= first_answers.answered_hi_ns, true)
    and (
        not attempt_pods.has_readiness
        or attempt_pods.started_lo_ns
        <= pod_lifecycles.ready_hi_ns + 1000000000 * getvariable('shallow_probe_s')
    )
    and (not attempt_pods.is_deleted or attempt_pods.ended_hi_ns < attempt_pods.deleted_lo_ns)
    and attempt_pods.ended_hi_ns >= attempt_pods.started_pod_lo_ns
    and attempt_pods.ended_lo_ns <= attempt_pods.started_pod_lo_ns + 1000000000 * getvariable('warm_up_s')
    and (
        attempt_pods.symptom = 'refused'
        or (
            attempt_pods.symptom is null
            and attempt_pods.linked_by = 'time'
            and attempt_pods.status in (502, 503)
        )
    )
    -- By time alone, what is hardly possible is not named.
    and (
        attempt_pods.linked_by <> 'time'
        or attempt_pods.started_lo_ns
        <= attempt_pods.started_pod_lo_ns + 3000000000 * getvariable('start_decay_s')
    )
