-- The pod began an answer and broke it off, although nothing ended it.
--
-- Title: The answer was cut short
-- Clause: got an answer that was cut short by a pod that went on living
-- Remedy: look at the application: an error after the first bytes, a limit on size or time in it or in the
--               proxy
-- Fixed by: drain_on_sigterm
-- Where: app
-- Prestop helps: no
-- Not when: the pod was ending, crashed or was restarted: then that cut the answer
-- Told by: the proxy's error log with `while reading upstream` and the pod's address
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.attempt_pods, timeline.pod_lifecycles,
--               timeline.config_changes, timeline.steady_truncations, staging.proxy_spans
-- Needs: timeline.attempts
-- See: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  End of the try.
--   evidence_ref  VARCHAR                   The proxy's line: `source:line`; null when only the client's own tells.
--   tier          VARCHAR                   A to C, see `macros.tier_of_line`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that answered; null when not known.
--   pod_trigger   VARCHAR                   Null: no pod went away for it.
--   waited_ms     DOUBLE                    How long the try took, ms.
with answering as (
    select
        attempt_pods.request_id,
        attempt_pods.attempt,
        attempt_pods.pod_uid
    from timeline.attempt_pods
    where attempt_pods.linked_by <> 'time' and attempt_pods.symptom = 'truncated'
)

select
    attempts.request_id,
    attempts.attempt,
    instant_at(attempts.ended_lo_ns, attempts.ended_hi_ns) as evidence_at,
    coalesce(attempts.error_reference, attempts.proxy_reference) as evidence_ref,
    tier_of_line(attempts.matched_by, attempts.evidence) as tier,
    coalesce(steady_truncations.steady_ratio, 1)::double as weight,
    answering.pod_uid,
    null::varchar as pod_trigger,
    (attempts.ended_lo_ns - attempts.started_lo_ns) / 1e6 as waited_ms
from timeline.attempts
left outer join answering
    on attempts.request_id = answering.request_id and attempts.attempt = answering.attempt
left outer join timeline.steady_truncations
    on
        attempts.request_id = steady_truncations.request_id
        and attempts.attempt = steady_truncations.attempt
where
    attempts.symptom = 'truncated'
    -- Without the pod, or any pods, nobody knows that it went on living.
    and (
        answering.pod_uid is not null
        or (attempts.proxy_reference is null and exists (select 1 from timeline.pod_lifecycles))
    )
    -- A pod that was ending explains it better, unless answers broke off as often before. Until SIGTERM a pod works on.
    and coalesce(steady_truncations.steady_ratio > 0, true)
    and not exists (
        select 1 from timeline.attempt_pods
        where
            attempt_pods.request_id = attempts.request_id
            and attempt_pods.attempt = attempts.attempt
            and (
                attempt_pods.has_crashed
                or attempt_pods.is_node_lost
                or attempt_pods.is_stopped_by_hook
                or (
                    attempt_pods.linked_by <> 'time'
                    and coalesce(attempt_pods.ended_hi_ns >= attempt_pods.signalled_lo_ns, false)
                )
            )
    )
    and not exists (
        select 1
        from timeline.config_changes
        cross join staging.proxy_spans
        where
            attempts.proxy_reference is null
            and proxy_spans.first_lo_ns <= attempts.ended_hi_ns
            and proxy_spans.last_hi_ns >= attempts.started_lo_ns
            and config_changes.kind = 'reload'
            and ended_in_reload(
                attempts.ended_lo_ns, attempts.ended_hi_ns,
                config_changes.began_lo_ns, config_changes.done_hi_ns, 500000000
            )
    )
