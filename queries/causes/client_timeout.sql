-- The client gave up while a living pod was still working on the answer.
--
-- Title: The client gave up waiting
-- Clause: ended because the client gave up waiting
-- Remedy: find out why the answer took so long (load, warm-up, dependency); raise the client's timeout only if that
--               is right
-- Where: client
-- Fixed by: faster_answers
-- Prestop helps: no
-- Not when: the pod was ending or gone, or its node was: then nobody was working on it; or all pods were that slow
-- Told by: the proxy's line with status 499 and the time that the pod had been connected
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.attempt_pods, timeline.busy_waits
-- Needs: timeline.attempts
-- See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#variables
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  When it gave up.
--   evidence_ref  VARCHAR                   The proxy's line: `source:line`; null when only the client's own tells.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that was working; null when not known.
--   pod_trigger   VARCHAR                   Null: no pod went away for it.
--   waited_ms     DOUBLE                    How long the client waited, ms.
select
    attempts.request_id,
    attempts.attempt,
    instant_at(attempts.ended_lo_ns, attempts.ended_hi_ns) as evidence_at,
    coalesce(attempts.error_reference, attempts.proxy_reference) as evidence_ref,
    case
        when attempts.proxy_reference is null then 'C'
        when attempts.matched_by = 'doubt' or busy_waits.request_id is not null then 'D'
        -- A pod that has just started, or that drains, may be slow for that.
        when
            attempts.started_lo_ns
            <= attempt_pods.started_pod_lo_ns + 1000000000 * getvariable('slow_start_s')
            or attempts.ended_hi_ns >= attempt_pods.signalled_lo_ns
            then 'D'
        when attempts.matched_by in ('self', 'id') then 'A'
        else 'B'
    end as tier,
    case when attempts.proxy_reference is null then 0.3 else 0.6 end::double as weight,
    attempt_pods.pod_uid,
    null::varchar as pod_trigger,
    (attempts.ended_lo_ns - attempts.started_lo_ns) / 1e6 as waited_ms
from timeline.attempts
left outer join timeline.busy_waits
    on attempts.request_id = busy_waits.request_id and attempts.attempt = busy_waits.attempt
left outer join timeline.attempt_pods
    on
        attempts.request_id = attempt_pods.request_id
        and attempts.attempt = attempt_pods.attempt
        and attempt_pods.linked_by <> 'time'
where
    attempts.symptom in ('timeout', 'client_closed')
    and not coalesce(attempt_pods.is_node_lost, false)
    and (
        attempt_pods.deleted_lo_ns is null
        or attempts.ended_hi_ns < attempt_pods.signalled_lo_ns
        or (
            attempts.started_hi_ns < attempt_pods.signalled_lo_ns
            and attempts.ended_lo_ns <= attempt_pods.exited_hi_ns
        )
    )
