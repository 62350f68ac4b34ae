-- preStop slept for the whole grace period, so that SIGTERM and SIGKILL came together at its end and cut what ran.
--
-- Title: preStop longer than the grace period
-- Clause: broke off when preStop outlasted the grace period
-- Remedy: terminationGracePeriodSeconds above preStop plus drain time plus 2 s
-- Where: shutdown
-- Fixed by: grace_period
-- Prestop helps: no: it is too long already
-- Not when: preStop is shorter than the grace period, or its length is not known
-- Told by: the hook and the grace period in the pod's spec, and the exit in its status
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  End of the grace period, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else what tells of the pod's end: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Why that pod went away.
--   since_kill_ms DOUBLE                    From the kubelet's start of the kill to the start of the try, ms (middle of the interval).
--   grace_s       BIGINT                    Grace period that ran out, s.
--   prestop_s     DOUBLE                    How long preStop sleeps, s.
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.exited_lo_ns, attempt_pods.exited_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    tier_of(
        attempt_pods.linked_by,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.ended_lo_ns >= attempt_pods.killed_hi_ns
    ) as tier,
    1.0::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_kill_ms,
    attempt_pods.grace_s,
    attempt_pods.prestop_s
from timeline.attempt_pods
where
    attempt_pods.is_deleted
    and attempt_pods.has_prestop
    and attempt_pods.prestop_s >= attempt_pods.grace_s
    and attempt_pods.exited_hi_ns - attempt_pods.killed_lo_ns >= (attempt_pods.grace_s - 1) * 1000000000
    and attempt_pods.ended_hi_ns >= attempt_pods.exited_lo_ns - 3000000000
    and attempt_pods.started_lo_ns <= attempt_pods.exited_hi_ns
    and (
        attempt_pods.symptom in ('reset', 'truncated')
        or (
            attempt_pods.symptom is null
            and attempt_pods.linked_by = 'time'
            and attempt_pods.status in (502, 503)
        )
    )
