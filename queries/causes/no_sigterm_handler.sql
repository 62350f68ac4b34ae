-- The application did not know SIGTERM: it went on taking requests until SIGKILL ended it with the last of them.
--
-- Title: SIGTERM was not heeded
-- Clause: broke off when SIGKILL ended a pod that had not heeded SIGTERM
-- Remedy: handle SIGTERM; start the application as process 1 (exec form, not through a shell) or behind a small
--               init such as tini
-- Fixed by: drain_on_sigterm
-- Where: shutdown
-- Prestop helps: no: it takes from the grace period
-- Not when: the request had begun before SIGTERM: then it was long, and draining may have been at work
-- Told by: the pod's exit code 137 after its whole grace period, and the proxy's line with its address
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- Params:
--   unheeded_sigterm_ms  BIGINT  1000  A pod that takes requests for so long after SIGTERM, and then needs SIGKILL, does not heed it.
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
    attempt_pods.is_sigkilled
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
    and attempt_pods.started_lo_ns
    > attempt_pods.signalled_hi_ns + 1000000 * getvariable('unheeded_sigterm_ms')
    and attempt_pods.ended_hi_ns >= attempt_pods.exited_lo_ns
    and attempt_pods.started_lo_ns <= attempt_pods.exited_hi_ns
    and coalesce(not attempt_pods.has_prestop or attempt_pods.prestop_s < attempt_pods.grace_s, true)
