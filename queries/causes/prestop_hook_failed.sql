-- A preStop hook is there, but it failed, so that SIGTERM came at once: the pod closed its port, or broke what it was
-- answering, while it was still in rotation.
--
-- Title: The preStop hook failed
-- Clause: went to a pod whose preStop hook had failed
-- Remedy: the native sleep action (Kubernetes 1.30 and later), or a command that the image has; look at the
--               FailedPreStopHook event
-- Fixed by: fix_hook
-- Where: shutdown
-- Prestop helps: no: only once it is repaired
-- Not when: the kubelet reported no FailedPreStopHook for this end of the pod, or the hook had slept as long as
--               it should before it failed
-- Told by: the kubelet's event FailedPreStopHook of that pod
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#debugging-hook-handlers
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  SIGTERM, which followed the failure, the middle of its interval.
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
    case when attempt_pods.linked_by = 'time' then 0.8 else 1.0 end::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_kill_ms
from timeline.attempt_pods
where
    attempt_pods.late_because = 'prestop_failed'
    and not attempt_pods.is_down
    and not (attempt_pods.is_sigkilled and attempt_pods.ended_hi_ns >= attempt_pods.exited_lo_ns)
    and (
        attempt_pods.symptom in ('refused', 'unreachable', 'reset', 'truncated')
        -- Without the proxy's log a 502 says only that no answer came from the pod.
        or (
            attempt_pods.symptom is null
            and attempt_pods.linked_by = 'time'
            and attempt_pods.status in (502, 503, 504)
        )
    )
