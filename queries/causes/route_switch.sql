-- An Ingress, a route or a Service had just been led elsewhere, and there was nobody yet, or nobody any more, where it
-- led.
--
-- Title: The route was switched
-- Clause: came just after the route to the pods had been switched
-- Remedy: let the new backend be ready before the switch, keep the old one until connections are done, shift by
--               weight
-- Where: routing
-- Fixed by: ready_first
-- Prestop helps: no
-- Not when: nothing that leads to the pods was changed within seconds before
-- Told by: the watch of Ingresses, routes and Services over that moment
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.switched_attempts
-- Needs: timeline.switched_attempts
-- See: https://kubernetes.io/docs/concepts/services-networking/ingress/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  When the change was seen, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else the version that shows the change: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   Null: no pod is the cause.
--   pod_trigger   VARCHAR                   route_switch.
--   what          VARCHAR                   What was switched, in words.
--   since_change_ms DOUBLE                  From the change to the end of the try, ms (latest).
select
    switched_attempts.request_id,
    switched_attempts.attempt,
    instant_at(switched_attempts.changed_lo_ns, switched_attempts.changed_hi_ns) as evidence_at,
    switched_attempts.reference as evidence_ref,
    tier_of_line(switched_attempts.matched_by, switched_attempts.evidence) as tier,
    1.0::double as weight,
    null::varchar as pod_uid,
    'route_switch' as pod_trigger,
    switched_attempts.what,
    switched_attempts.since_change_ms
from timeline.switched_attempts
