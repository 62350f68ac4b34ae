-- The request was on the pod when it got SIGTERM, and the pod ended without finishing it.
--
-- Title: Cut in flight at SIGTERM
-- Clause: broke off when SIGTERM ended the pod that was answering
-- Remedy: drain on SIGTERM: stop accepting, finish what runs, then exit
-- Where: shutdown
-- Fixed by: drain_on_sigterm
-- Prestop helps: partly: only if it outlasts the last routed request and its answer
-- Not when: the grace period ran out (then SIGKILL cut it), preStop failed or stopped the application itself, or the
--               connection broke before the deletion (keep-alive race, crash)
-- Told by: the proxy's error log with `reset by peer` or `prematurely closed`, and the pod's address
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods, timeline.steady_truncations
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
        when attempt_pods.linked_by <> 'time' or attempt_pods.symptom is not null
            then 1 - coalesce(steady_truncations.steady_ratio, 0)
        else 0.7 * (1 - attempt_pods.refused_ratio)
    end::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_kill_ms
from timeline.attempt_pods
left outer join timeline.steady_truncations
    on
        attempt_pods.request_id = steady_truncations.request_id
        and attempt_pods.attempt = steady_truncations.attempt
where
    attempt_pods.is_deleted
    and not attempt_pods.is_down
    and not attempt_pods.is_stopped_by_hook
    and not attempt_pods.is_pinned
    and coalesce(attempt_pods.late_because not in ('prestop_failed', 'node_lost'), true)
    and attempt_pods.ended_hi_ns >= attempt_pods.signalled_lo_ns
    and attempt_pods.started_lo_ns <= coalesce(attempt_pods.exited_hi_ns, attempt_pods.ended_hi_ns)
    -- A pod that needs SIGKILL did not end anything at SIGTERM, as far as time alone tells.
    and not (
        attempt_pods.is_sigkilled
        and (attempt_pods.linked_by = 'time' or attempt_pods.ended_hi_ns >= attempt_pods.exited_lo_ns)
    )
    and (
        attempt_pods.symptom in ('reset', 'truncated')
        or (
            attempt_pods.symptom is null
            and attempt_pods.linked_by = 'time'
            and attempt_pods.status in (502, 503)
        )
    )
    -- A request whose pod nobody logged ended with that pod, or not on it; and it was there before SIGTERM.
    and (
        attempt_pods.linked_by <> 'time'
        or (attempt_pods.symptom is not null or attempt_pods.refused_ratio < 0.97)
        and attempt_pods.ended_lo_ns
        <= coalesce(attempt_pods.exited_hi_ns, attempt_pods.ended_hi_ns) + 100000000
    )
