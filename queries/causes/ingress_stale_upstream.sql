-- The endpoint was withdrawn long ago, or the proxy failed to take the change into use, and it still sent the request
-- to that pod.
--
-- Title: The proxy kept a pod that was long withdrawn
-- Clause: went to a pod that the proxy had kept long after it was withdrawn
-- Remedy: look at the controller's log: a reload or sync that failed, missing rights, a throttled watch
-- Fixed by: fix_controller
-- Where: routing
-- Prestop helps: partly: only if the proxy learns of it at all
-- Not when: the endpoint was withdrawn shortly before (then it is ordinary lag), or clients are bound to their
--               pod by a cookie or address
-- Told by: the proxy's line with the pod's address, and the watch that shows its endpoint withdrawn long before
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/concepts/services-networking/ingress-controllers/
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
    attempt_pods.late_because = 'stale'
    and not attempt_pods.is_down
    and attempt_pods.symptom in ('refused', 'unreachable')
