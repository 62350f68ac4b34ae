-- The kernel ended a container that had used up its memory: what it was working on broke, and until it listened again
-- it refused.
--
-- Title: Out of memory
-- Clause: broke on a container that the kernel had ended for want of memory
-- Remedy: raise the memory limit, or find out what grows; requests equal to limits keep neighbours from taking
--               it
-- Fixed by: fix_application
-- Where: app
-- Prestop helps: no: SIGKILL comes without any hook
-- Not when: the exit reason is not OOMKilled: a 137 at the end of the grace period is the kubelet's SIGKILL
-- Told by: the container's exit reason OOMKilled, and the proxy's line with the pod's address
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.exit_failures
-- Needs: timeline.exit_failures
-- See: https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  Exit of the container, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else the pod version that tells of the exit: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   oom.
--   exit_code     BIGINT                    Exit code.
--   since_exit_ms DOUBLE                    From the exit to the end of the try, ms (latest exit).
select
    exit_failures.request_id,
    exit_failures.attempt,
    instant_at(exit_failures.exited_lo_ns, exit_failures.exited_hi_ns) as evidence_at,
    exit_failures.evidence_ref,
    exit_failures.tier,
    exit_failures.weight,
    exit_failures.pod_uid,
    'oom' as pod_trigger,
    exit_failures.exit_code,
    exit_failures.since_exit_ms
from timeline.exit_failures
where exit_failures.ended_by = 'oom'
