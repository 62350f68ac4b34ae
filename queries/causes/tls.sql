-- The TLS handshake failed: a certificate was not accepted, or the two sides had no protocol in common.
--
-- Title: The TLS handshake failed
-- Clause: failed in the TLS handshake
-- Remedy: look at the certificate (names, expiry, authority) and at what replaced it
-- Fixed by: fix_tls
-- Where: connection
-- Prestop helps: no
-- Not when: the pod was ending or had crashed at that time: then that broke the handshake
-- Told by: the client's or the proxy's words of the handshake
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.attempt_pods
-- Needs: timeline.attempts
-- See: https://kubernetes.io/docs/concepts/services-networking/ingress/#tls
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  End of the try.
--   evidence_ref  VARCHAR                   The proxy's line: `source:line`; null when only the client's own tells.
--   tier          VARCHAR                   A to C, see `macros.tier_of_line`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   Null: no pod is the cause.
--   pod_trigger   VARCHAR                   Null: no pod went away for it.
--   waited_ms     DOUBLE                    How long the try took, ms.
select
    attempts.request_id,
    attempts.attempt,
    instant_at(attempts.ended_lo_ns, attempts.ended_hi_ns) as evidence_at,
    coalesce(attempts.error_reference, attempts.proxy_reference) as evidence_ref,
    tier_of_line(attempts.matched_by, attempts.evidence) as tier,
    1.0::double as weight,
    null::varchar as pod_uid,
    null::varchar as pod_trigger,
    (attempts.ended_lo_ns - attempts.started_lo_ns) / 1e6 as waited_ms
from timeline.attempts
where
    attempts.symptom = 'tls'
    -- A handshake that a dying pod breaks off is that pod's end.
    and not exists (
        select 1 from timeline.attempt_pods
        where
            attempt_pods.request_id = attempts.request_id
            and attempt_pods.attempt = attempts.attempt
            and (
                attempt_pods.has_crashed
                or coalesce(attempt_pods.ended_hi_ns >= attempt_pods.killed_lo_ns, false)
            )
    )
