-- There was no room for the request: connections or a queue of the proxy were full, or all pods were so busy that even
-- their fastest answers took a multiple of what they take otherwise.
--
-- Title: Too many requests at once
-- Clause: found all connections or queues full
-- Remedy: more capacity, or keep it during the rollout (maxUnavailable 0, maxSurge); higher limits where they
--               are too low
-- Fixed by: capacity
-- Where: capacity
-- Prestop helps: no
-- Not when: pods refused or were missing: then the queue filled because of that; or other requests were answered as
--               fast as ever while this one waited
-- Told by: how long the fastest answers took at that moment, or the proxy's own word for a full queue
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.busy_waits
-- Needs: timeline.attempts
-- Params:
--   busy_certain_share  DOUBLE  0.5  When the fastest answers take this part of what it waited, the queue is the cause.
-- See: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/circuit_breaking
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
--   fast_ms       DOUBLE                    What nine of ten good answers took at least at that time, ms; null when the proxy's words
--                                           or flag tell.
select
    attempts.request_id,
    attempts.attempt,
    instant_at(attempts.ended_lo_ns, attempts.ended_hi_ns) as evidence_at,
    coalesce(attempts.error_reference, attempts.proxy_reference) as evidence_ref,
    case
        when attempts.symptom = 'overload' or busy_waits.wait_ratio >= getvariable('busy_certain_share')
            then tier_of_line(attempts.matched_by, attempts.evidence)
        else 'D'
    end as tier,
    case when attempts.symptom = 'overload' then 1.0 else 0.95 end::double as weight,
    null::varchar as pod_uid,
    null::varchar as pod_trigger,
    (attempts.ended_lo_ns - attempts.started_lo_ns) / 1e6 as waited_ms,
    busy_waits.fast_ms
from timeline.attempts
left outer join timeline.busy_waits
    on attempts.request_id = busy_waits.request_id and attempts.attempt = busy_waits.attempt
where attempts.symptom = 'overload' or busy_waits.request_id is not null
