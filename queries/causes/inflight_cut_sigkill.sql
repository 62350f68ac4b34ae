-- The request still ran when the grace period was over, and SIGKILL ended the pod with it.
--
-- Title: Cut in flight by SIGKILL
-- Clause: broke off when SIGKILL ended a pod whose grace period was over
-- Remedy: raise terminationGracePeriodSeconds above preStop plus the longest request, or handle SIGTERM
-- Where: shutdown
-- Fixed by: grace_period
-- Prestop helps: no: it takes from the grace period
-- Not when: the container ended before its grace period was over, or for want of memory
-- Told by: the proxy's line with the pod's address, and an exit with 137 when the grace period was over
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  SIGKILL, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else what tells of the pod's end: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Why that pod went away.
--   since_kill_ms DOUBLE                    From the kubelet's start of the kill to the start of the try, ms (middle of the interval).
--   grace_s       BIGINT                    Grace period that ran out, s.
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.exited_lo_ns, attempt_pods.exited_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    tier_of(
        attempt_pods.linked_by,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.ended_lo_ns >= attempt_pods.signalled_hi_ns
    ) as tier,
    1.0::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_kill_ms,
    attempt_pods.grace_s
from timeline.attempt_pods
where
    attempt_pods.is_deleted
    and attempt_pods.is_sigkilled
    and attempt_pods.ended_hi_ns >= attempt_pods.exited_lo_ns
    and attempt_pods.started_lo_ns <= attempt_pods.exited_hi_ns
    -- One that the pod took long after SIGTERM tells of an application that does not know the signal.
    and attempt_pods.started_lo_ns
    <= attempt_pods.signalled_hi_ns + 1000000 * getvariable('unheeded_sigterm_ms')
    and coalesce(not attempt_pods.has_prestop or attempt_pods.prestop_s < attempt_pods.grace_s, true)
    and (
        attempt_pods.symptom in ('reset', 'truncated')
        or (
            attempt_pods.symptom is null
            and attempt_pods.linked_by = 'time'
            and attempt_pods.status in (502, 503)
        )
    )
    and (
        attempt_pods.linked_by <> 'time' or attempt_pods.ended_lo_ns <= attempt_pods.exited_hi_ns + 100000000
    )
