-- The application itself answered with an error, and not only its new version.
--
-- Title: The application answers with errors
-- Clause: got an error that the application itself answered with
-- Remedy: look at the application and what it depends on; the rollout is not the cause
-- Where: app
-- Fixed by: fix_application
-- Prestop helps: no
-- Not when: only pods of the new version err
-- Told by: the proxy's log with the upstream's own status and time to its header, or a header that names the pod
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.app_errors
-- Needs: timeline.app_errors
-- See: https://kubernetes.io/docs/tasks/debug/debug-application/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  The answer.
--   evidence_ref  VARCHAR                   The proxy's line: `source:line`; null when only the client's own tells.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that answered; null when not known.
--   pod_trigger   VARCHAR                   Null: no pod went away for it.
--   status        INTEGER                   Status that the application gave.
select
    app_errors.request_id,
    app_errors.attempt,
    instant_at(app_errors.ended_lo_ns, app_errors.ended_hi_ns) as evidence_at,
    app_errors.proxy_reference as evidence_ref,
    app_errors.tier,
    app_errors.weight,
    app_errors.pod_uid,
    null::varchar as pod_trigger,
    app_errors.status
from timeline.app_errors
where app_errors.rollout_started_lo_ns is null
