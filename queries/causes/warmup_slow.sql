-- A pod that had just become ready was too slow at first: it did not answer in time, while older pods did.
--
-- Title: The new pod was still warming up
-- Clause: went to a new pod that did not answer in time yet
-- Remedy: warm up before the readiness probe succeeds; minReadySeconds; slow start in the proxy; CPU for the
--               start
-- Where: startup
-- Fixed by: warm_up
-- Prestop helps: no
-- Not when: older pods were as slow at that time: then there was too much load, or what they depend on was slow
-- Told by: the proxy's line with the new pod's address, beside what older pods took meanwhile
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods, timeline.pod_lifecycles
-- Needs: timeline.attempt_pods
-- Params:
--   slow_start_s  BIGINT  30  A pod that is ready for less long may still be warming up.
-- See: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#min-ready-seconds
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  When the pod became ready.
--   evidence_ref  VARCHAR                   The proxy's line: `source:line`; null when only the client's own tells.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   start.
--   since_ready_ms DOUBLE                   From the pod's readiness to the start of the try, ms (earliest).
with slow as (
    select
        attempt_pods.*,
        pod_lifecycles.namespace,
        pod_lifecycles.workload,
        pod_lifecycles.ready_lo_ns,
        pod_lifecycles.ready_hi_ns,
        coalesce(
            attempt_pods.started_lo_ns
            <= pod_lifecycles.ready_hi_ns + 1000000000 * getvariable('slow_start_s'),
            false
        ) as is_young,
        attempt_pods.started_lo_ns // 10000000000 as stretch
    from timeline.attempt_pods
    inner join timeline.pod_lifecycles on attempt_pods.pod_uid = pod_lifecycles.pod_uid
    where
        attempt_pods.symptom in ('read_timeout', 'client_closed', 'timeout')
        and attempt_pods.linked_by <> 'time'
        and not attempt_pods.has_crashed
        and not attempt_pods.is_node_lost
        and (not attempt_pods.is_deleted or attempt_pods.ended_hi_ns < attempt_pods.signalled_lo_ns)
),

old_ones as (
    select distinct slow.stretch
    from slow
    where not slow.is_young
)

select
    slow.request_id,
    slow.attempt,
    instant_at(slow.ready_lo_ns, slow.ready_hi_ns) as evidence_at,
    slow.reference as evidence_ref,
    tier_of(slow.linked_by, slow.matched_by, slow.evidence, true) as tier,
    1.0::double as weight,
    slow.pod_uid,
    'start' as pod_trigger,
    (slow.started_lo_ns - slow.ready_lo_ns) / 1e6 as since_ready_ms
from slow
anti join old_ones on abs(slow.stretch - old_ones.stretch) <= 1
where
    slow.is_young
    -- Only beside pods that were ready for longer, and not slow, does it say anything that this one was new.
    and exists (
        select 1 from timeline.pod_lifecycles
        where
            pod_lifecycles.namespace = slow.namespace
            and pod_lifecycles.workload = slow.workload
            and pod_lifecycles.ready_hi_ns + 1000000000 * getvariable('slow_start_s') < slow.started_lo_ns
            and coalesce(pod_lifecycles.signalled_lo_ns > slow.ended_hi_ns, true)
    )
