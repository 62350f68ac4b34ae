-- The Service binds clients to a pod (sessionAffinity), and this one was still bound to a pod that had long been
-- withdrawn.
--
-- Title: Bound to a pod that was gone
-- Clause: was bound by its session to a pod that was long withdrawn
-- Remedy: stickiness that lets go of ending pods: no sessionAffinity on rolling Services, or a proxy that
--               drains sticky sessions
-- Fixed by: close_connections
-- Where: routing
-- Prestop helps: partly: it must outlast the sessions
-- Not when: the Service has no session affinity, or other clients were sent there as well
-- Told by: the Service's session affinity, and which clients failed
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/reference/networking/virtual-ips/#session-affinity
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  When the endpoint was withdrawn, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else what tells of the pod's end: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Why that pod went away.
--   since_kill_ms DOUBLE                    From the kubelet's start of the kill to the start of the try, ms (middle of the interval).
--   since_withdrawn_ms DOUBLE               From the withdrawal of the endpoint to the start of the try, ms (middle of the interval).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.withdrawn_lo_ns, attempt_pods.withdrawn_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    tier_of(
        attempt_pods.linked_by,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.started_lo_ns >= attempt_pods.withdrawn_hi_ns
    ) as tier,
    case when attempt_pods.linked_by = 'time' then 0.8 else 1.0 end::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_kill_ms,
    middle_ms(
        attempt_pods.withdrawn_lo_ns, attempt_pods.withdrawn_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_withdrawn_ms
from timeline.attempt_pods
where
    attempt_pods.late_because = 'sticky'
    and not attempt_pods.is_down
    and attempt_pods.symptom in ('refused', 'unreachable')
