-- Failed attempts on a container that had ended although nobody deleted its pod: what it was working on broke, and until
-- it listened again it refused.
--
-- Kind:     table
-- Grain:    one row per failed attempt and pod, with the last such exit before
-- Reads:    timeline.attempt_pods, timeline.container_exits
-- Needs:    timeline.attempt_pods, timeline.container_exits
--
-- Columns:
--   request_id    VARCHAR  Key of timeline.attempts.
--   attempt       INTEGER  Number of the try.
--   evidence_ref  VARCHAR  The proxy's line, else the pod version that tells of the exit: `source:line`.
--   tier          VARCHAR  A to D, see `macros.tier_of`.
--   weight        DOUBLE   Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR  The pod that the attempt went to.
--   ended_by      VARCHAR  As in timeline.container_exits.
--   exit_code     BIGINT   Exit code.
--   exited_lo_ns  BIGINT   Exit, earliest, reference clock.
--   exited_hi_ns  BIGINT   Exit, latest.
--   since_exit_ms DOUBLE   From the exit to the end of the try, ms (latest exit).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    coalesce(attempt_pods.reference, container_exits.reference) as evidence_ref,
    tier_of(attempt_pods.linked_by, attempt_pods.matched_by, attempt_pods.evidence, true) as tier,
    case
        when attempt_pods.linked_by <> 'time' then 1.0
        -- By time alone: until the path learnt of it. A container that is started anew is in rotation as soon as it is ready.
        when attempt_pods.symptom is null then 0.7
        else 0.8
    end::double as weight,
    attempt_pods.pod_uid,
    container_exits.ended_by,
    container_exits.exit_code,
    container_exits.exited_lo_ns,
    container_exits.exited_hi_ns,
    (attempt_pods.ended_hi_ns - container_exits.exited_hi_ns) / 1e6 as since_exit_ms
from timeline.attempt_pods
inner join timeline.container_exits
    on
        attempt_pods.pod_uid = container_exits.pod_uid
        and attempt_pods.ended_hi_ns >= container_exits.began_lo_ns
where
    (not attempt_pods.is_deleted or attempt_pods.ended_lo_ns < attempt_pods.deleted_hi_ns)
    and (
        (
            attempt_pods.symptom in ('reset', 'truncated')
            and attempt_pods.started_lo_ns <= container_exits.exited_hi_ns
            and (
                attempt_pods.linked_by <> 'time'
                or attempt_pods.ended_lo_ns <= container_exits.exited_hi_ns + 100000000
            )
        )
        -- Started anew is not listening again: where the address tells which pod it was, it gets the time of a new pod.
        or (
            (
                attempt_pods.symptom in ('refused', 'unreachable')
                or (
                    attempt_pods.symptom is null
                    and attempt_pods.linked_by = 'time'
                    and attempt_pods.status in (502, 503)
                )
            )
            and attempt_pods.started_lo_ns
            <= coalesce(container_exits.restarted_hi_ns, attempt_pods.started_lo_ns)
            + 1000000000 * case when attempt_pods.linked_by = 'time' then 1 else getvariable('warm_up_s') end
        )
    )
qualify row_number() over (
    partition by attempt_pods.request_id, attempt_pods.attempt, attempt_pods.pod_uid
    order by container_exits.exited_lo_ns desc
) = 1
