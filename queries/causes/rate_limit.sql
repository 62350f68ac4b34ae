-- A limit on requests or connections turned the request away.
--
-- Title: Turned away by a rate limit
-- Clause: was turned away by a rate limit
-- Remedy: raise the limit, or let the load test stay below it: the rollout is not the cause
-- Fixed by: rate_limit
-- Where: capacity
-- Prestop helps: no
-- Not when: a 503 comes without the limit's own words or flag: then pods were missing or refused
-- Told by: the proxy's words `limiting requests`, its flag RL, or a 429
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts
-- Needs: timeline.attempts
-- See: https://nginx.org/en/docs/http/ngx_http_limit_req_module.html
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
    attempts.symptom = 'rate_limited'
