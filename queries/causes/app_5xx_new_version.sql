-- The application itself answered with an error, and only its new version does.
--
-- Title: The new version answers with errors
-- Clause: got an error that only the new version answers with
-- Remedy: roll back, then find out why
-- Where: app
-- Fixed by: rollback
-- Prestop helps: no
-- Not when: older pods err as well: then the cause lies elsewhere (a dependency, the data)
-- Told by: a header that names the pod that answered, or the proxy's log with its address
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.app_errors
-- Needs: timeline.app_errors
-- See: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-back-a-deployment
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  Start of the rollout.
--   evidence_ref  VARCHAR                   The proxy's line: `source:line`; null when only the client's own tells.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that answered; null when not known.
--   pod_trigger   VARCHAR                   rollout.
--   status        INTEGER                   Status that the application gave.
--   template_hash VARCHAR                   Its version; null when the pod is not known.
select
    app_errors.request_id,
    app_errors.attempt,
    instant_at(app_errors.rollout_started_lo_ns, app_errors.rollout_started_lo_ns) as evidence_at,
    app_errors.proxy_reference as evidence_ref,
    app_errors.tier,
    app_errors.weight,
    app_errors.pod_uid,
    'rollout' as pod_trigger,
    app_errors.status,
    app_errors.template_hash
from timeline.app_errors
where app_errors.rollout_started_lo_ns is not null
