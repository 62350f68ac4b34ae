-- The preStop hook itself stopped the application, before the path to the pod had been taken away.
--
-- Title: preStop stopped the application too early
-- Clause: went to a pod whose preStop hook had stopped the application already
-- Remedy: sleep first, then stop: `sleep 10; nginx -s quit`; or leave the stopping to SIGTERM
-- Fixed by: fix_hook
-- Where: shutdown
-- Prestop helps: no: the hook is what breaks it; only a sleep before the stop helps
-- Not when: the hook only sleeps, or sleeps before it stops anything, or SIGTERM had come
-- Told by: the hook in the pod's spec, and an error before it can have ended
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  Start of the kill, when the hook runs, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else what tells of the pod's end: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Why that pod went away.
--   since_kill_ms DOUBLE                    From the kubelet's start of the kill to the start of the try, ms (middle of the interval).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    tier_of(
        attempt_pods.linked_by,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.ended_lo_ns >= attempt_pods.killed_hi_ns
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
    attempt_pods.is_stopped_by_hook
    and not attempt_pods.is_down
    and coalesce(attempt_pods.late_because not in ('node_lost', 'not_ready_served'), true)
