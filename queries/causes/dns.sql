-- The name of the server, or of a pod, could not be resolved.
--
-- Title: The name was not resolved
-- Clause: failed because a name was not resolved
-- Remedy: look at CoreDNS (its own rollout, its load) and at the resolver's settings; NodeLocal DNSCache; fully
--               qualified names
-- Fixed by: fix_network
-- Where: connection
-- Prestop helps: no
-- Not when: a connection had come about: then the name was known
-- Told by: the client's or the proxy's words: `no such host`, `could not be resolved`
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts
-- Needs: timeline.attempts
-- See: https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/
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
    attempts.symptom = 'dns'
