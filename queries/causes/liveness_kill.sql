-- The kubelet ended a container whose liveness or startup probe had failed: what it was working on broke, and until it
-- listened again it refused.
--
-- Title: Ended by its liveness probe
-- Clause: broke on a container that its liveness probe had ended
-- Remedy: a liveness probe that asks less and waits longer (timeoutSeconds, failureThreshold), a startup probe
--               for slow starts
-- Fixed by: liveness_probe
-- Where: app
-- Prestop helps: partly: the hook runs, but the endpoint is not withdrawn because of it
-- Not when: the container ended by itself, or no event of the kubelet says that a probe of this container failed
-- Told by: the kubelet's events Unhealthy and Killing of that container
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.exit_failures
-- Needs: timeline.exit_failures
-- See: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  Exit of the container, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else the pod version that tells of the exit: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   liveness.
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
    'liveness' as pod_trigger,
    exit_failures.exit_code,
    exit_failures.since_exit_ms
from timeline.exit_failures
where exit_failures.ended_by = 'liveness'
