-- The pod was being ended for long before its endpoint said so: the control plane was late, and no proxy could know.
--
-- Title: The control plane was late
-- Clause: went to an ending pod whose endpoint the control plane had not withdrawn yet
-- Remedy: look at kube-controller-manager and API server (throttling, leader change, load); until then a
--               preStop sleep that covers the lag
-- Fixed by: prestop
-- Where: routing
-- Prestop helps: yes, if it is longer than the lag
-- Not when: the endpoint was withdrawn soon after the deletion: then the path was late, not the control plane
-- Told by: the watch of EndpointSlices from before the deletion until the endpoint was withdrawn
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
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
--   withdrawn_ms  DOUBLE                    From the deletion until the endpoint was withdrawn, ms (middle of the interval).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.withdrawn_lo_ns, attempt_pods.withdrawn_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    tier_of(
        attempt_pods.linked_by,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.ended_lo_ns >= attempt_pods.deleted_hi_ns
    ) as tier,
    case when attempt_pods.linked_by = 'time' then 0.8 else 1.0 end::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_kill_ms,
    middle_ms(
        attempt_pods.deleted_lo_ns, attempt_pods.deleted_hi_ns,
        attempt_pods.withdrawn_lo_ns, attempt_pods.withdrawn_hi_ns
    ) as withdrawn_ms
from timeline.attempt_pods
where
    attempt_pods.late_because = 'control_plane'
    and not attempt_pods.is_down
    and not attempt_pods.is_stopped_by_hook
    and (
        attempt_pods.symptom in ('refused', 'unreachable')
        or (attempt_pods.symptom = 'timeout' and attempt_pods.linked_by = 'time')
        or (
            attempt_pods.symptom is null
            and attempt_pods.linked_by = 'time'
            and attempt_pods.status in (502, 503, 504)
        )
    )
