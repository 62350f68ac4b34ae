-- The client kept a connection to the pod itself, which no removal of its endpoint takes away: it was used until the
-- pod ended, and broke.
--
-- Title: Bound to the pod by its connection
-- Clause: was sent over an old connection to a pod that was long withdrawn
-- Remedy: close connections while draining (Connection: close, GOAWAY), limit their age, or balance each
--               request (HTTP proxy, mesh)
-- Where: shutdown
-- Fixed by: close_connections
-- Prestop helps: no: it only delays it
-- Not when: a proxy chose the pod for each request, or the request began before the path to the pod was taken
--               away
-- Told by: whether the client's connection was old: the client's trace, or its local port in both logs
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods, timeline.steady_truncations
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/reference/networking/virtual-ips/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  SIGTERM, the middle of its interval.
--   evidence_ref  VARCHAR                   What tells of the pod's end: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Why that pod went away.
--   since_withdrawn_ms DOUBLE               From the withdrawal of the endpoint to the start of the request, ms (middle of the interval).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.signalled_lo_ns, attempt_pods.signalled_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    'C' as tier,
    0.9 * (1 - coalesce(steady_truncations.steady_ratio, 0))::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.withdrawn_lo_ns, attempt_pods.withdrawn_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_withdrawn_ms
from timeline.attempt_pods
left outer join timeline.steady_truncations
    on
        attempt_pods.request_id = steady_truncations.request_id
        and attempt_pods.attempt = steady_truncations.attempt
where
    attempt_pods.is_pinned
    and attempt_pods.ended_hi_ns >= attempt_pods.signalled_lo_ns
    and attempt_pods.ended_lo_ns
    <= coalesce(attempt_pods.exited_hi_ns, attempt_pods.signalled_hi_ns) + 100000000
