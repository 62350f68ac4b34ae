-- The load test itself ran out of ports or open files: the request never left the machine.
--
-- Title: The client ran out of ports or files
-- Clause: never left the client, which had run out of ports or files
-- Remedy: fewer connections, kept alive; more ports and open files on the machine that sends; leave these
--               requests out of the judgement
-- Fixed by: fix_client
-- Where: client
-- Prestop helps: no
-- Not when: the proxy has a line of the request
-- Told by: the client's own error text
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts
-- Needs: timeline.attempts
-- See: https://man7.org/linux/man-pages/man7/ip.7.html
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
    attempts.symptom = 'client_exhausted'
