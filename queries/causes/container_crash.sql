-- A container of the pod ended by itself: what it was working on broke, and until it listened again it refused.
--
-- Title: The container crashed
-- Clause: broke on a container that had crashed
-- Remedy: fix the crash: exit code and last log lines of the container say more
-- Where: app
-- Fixed by: fix_application
-- Prestop helps: no
-- Not when: the pod was being deleted, or the container was ended for want of memory or by its liveness probe
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods, timeline.container_exits
-- See: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  Exit of the container, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else the pod version that tells of the exit: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   crash.
--   exit_code     BIGINT                    Exit code.
--   since_exit_ms DOUBLE                    From the exit to the end of the try, ms (latest exit).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(container_exits.exited_lo_ns, container_exits.exited_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, container_exits.reference) as evidence_ref,
    tier_of(attempt_pods.linked_by, attempt_pods.matched_by, attempt_pods.evidence, true) as tier,
    case when attempt_pods.linked_by = 'time' then 0.6 else 1.0 end::double as weight,
    attempt_pods.pod_uid,
    'crash' as pod_trigger,
    container_exits.exit_code,
    (attempt_pods.ended_hi_ns - container_exits.exited_hi_ns) / 1e6 as since_exit_ms
from timeline.attempt_pods
inner join timeline.container_exits
    on
        attempt_pods.pod_uid = container_exits.pod_uid
        and attempt_pods.ended_hi_ns >= container_exits.exited_lo_ns
where
    (not attempt_pods.is_deleted or attempt_pods.ended_lo_ns < attempt_pods.deleted_hi_ns)
    and (
        (
            attempt_pods.symptom in ('reset', 'truncated')
            and attempt_pods.started_lo_ns <= container_exits.exited_hi_ns
        )
        -- Started anew is not listening again: where the address tells which pod it was, it gets the time of a new pod.
        or (
            attempt_pods.symptom in ('refused', 'unreachable')
            and attempt_pods.started_lo_ns
            <= coalesce(container_exits.restarted_hi_ns, attempt_pods.started_lo_ns)
            + 1000000000 * case when attempt_pods.linked_by = 'time' then 1 else getvariable('warm_up_s') end
        )
    )
qualify row_number() over (
    partition by attempt_pods.request_id, attempt_pods.attempt, attempt_pods.pod_uid
    order by container_exits.exited_lo_ns desc
) = 1
