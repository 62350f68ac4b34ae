-- The pod had closed its port after SIGTERM, and the proxy or kube-proxy still sent it a new connection.
--
-- Title: Sent to an ending pod, refused
-- Clause: went to a pod that had closed its port after SIGTERM
-- Remedy: preStop sleep at least as long as the slowest path needs to learn of the removal
-- Where: routing
-- Fixed by: prestop
-- Prestop helps: yes
-- Not when: the pod crashed (then nobody deleted it), it never listened (then it is new), preStop was still
--               running or failed, or its endpoint was withdrawn late or long ago (then that is the cause)
-- Told by: the proxy's error log, or the client's error text, with `Connection refused`, and the pod's address
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  SIGTERM, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else what tells of the pod's end: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Why that pod went away.
--   since_kill_ms DOUBLE                    From the kubelet's start of the kill to the start of the try, ms (middle of the interval).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.signalled_lo_ns, attempt_pods.signalled_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    tier_of(
        attempt_pods.linked_by,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.ended_lo_ns >= attempt_pods.deleted_hi_ns
    ) as tier,
    case
        when attempt_pods.linked_by <> 'time' then 1.0
        when attempt_pods.symptom = 'refused' then 0.9 * attempt_pods.routed_ratio
        else 0.9 * attempt_pods.routed_ratio * attempt_pods.refused_ratio
    end::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_kill_ms
from timeline.attempt_pods
where
    attempt_pods.is_deleted
    and not attempt_pods.is_down
    and attempt_pods.late_because = 'propagation'
    and not attempt_pods.is_stopped_by_hook
    and attempt_pods.ended_hi_ns >= attempt_pods.signalled_lo_ns
    and (
        attempt_pods.symptom = 'refused'
        -- Without the proxy's log a 502 says only that no answer came from the pod.
        or (
            attempt_pods.symptom is null
            and attempt_pods.linked_by = 'time'
            and attempt_pods.status in (502, 503)
        )
    )
    -- By time alone, what is hardly possible is not named.
    and (
        attempt_pods.linked_by <> 'time'
        or (
            attempt_pods.routed_ratio > 0.03
            and (attempt_pods.symptom is not null or attempt_pods.refused_ratio > 0.03)
        )
    )
