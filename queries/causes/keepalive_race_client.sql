-- The client used a connection that had been idle in the very moment in which the other side closed it.
--
-- Title: The client's idle connection was closed
-- Clause: was sent over an idle connection that the other side was just closing
-- Remedy: an idle timeout of the client that is shorter than the server's; let the client try again what is safe to
--               repeat
-- Fixed by: close_connections
-- Where: client
-- Prestop helps: no
-- Not when: a pod or the proxy was ending or starting anew, the proxy reloaded, or the client had used all its
--               connections a moment before
-- Told by: whether the request went over a connection that had been idle: the client's trace of connections
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.attempt_pods, timeline.config_changes, timeline.failures, staging.requests
-- Needs: timeline.attempts, timeline.failures
-- Params:
--   client_idle_ms  BIGINT  100  A client that sent nothing for so long had idle connections only.
--   race_ms         BIGINT  100  A connection that is closed while it is used breaks within this.
-- See: https://nginx.org/en/docs/http/ngx_http_core_module.html#keepalive_timeout
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  The end of the try.
--   evidence_ref  VARCHAR                   The request's own line: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   Null: it does not matter which.
--   pod_trigger   VARCHAR                   Null: no pod went away for it.
--   idle_ms       DOUBLE                    Since the client, or this worker of it, had last used a connection, ms.
with broken as (
    select
        attempts.request_id,
        attempts.attempt,
        attempts.ended_lo_ns,
        attempts.ended_hi_ns,
        failures.source_id,
        failures.started_at_ns
    from timeline.attempts
    inner join timeline.failures on attempts.request_id = failures.request_id
    where
        attempts.proxy_reference is null
        and attempts.symptom = 'reset'
        and attempts.status is null
        and failures.ended_at_ns - failures.started_at_ns <= 1000000 * getvariable('race_ms')
        and not exists (
            select 1 from timeline.attempt_pods
            where
                attempt_pods.request_id = attempts.request_id
                and attempt_pods.attempt = attempts.attempt
                and (
                    attempt_pods.is_down
                    or attempt_pods.is_node_lost
                    or coalesce(attempt_pods.ended_hi_ns >= attempt_pods.killed_lo_ns, false)
                )
        )
        and not exists (
            select 1 from timeline.config_changes
            where
                config_changes.kind = 'reload'
                and ended_in_reload(
                    attempts.ended_lo_ns, attempts.ended_hi_ns,
                    config_changes.began_lo_ns, config_changes.done_hi_ns, 500000000
                )
        )
),

uses as (
    select
        broken.request_id,
        max(requests.ended_at_ns) as used_ns
    from broken
    inner join staging.requests
        on
            broken.source_id = requests.source_id
            and broken.started_at_ns > requests.started_at_ns
    group by broken.request_id
)

select
    broken.request_id,
    broken.attempt,
    instant_at(broken.ended_lo_ns, broken.ended_hi_ns) as evidence_at,
    broken.request_id as evidence_ref,
    'C' as tier,
    0.9::double as weight,
    null::varchar as pod_uid,
    null::varchar as pod_trigger,
    (broken.started_at_ns - uses.used_ns) / 1e6 as idle_ms
from broken
inner join uses on broken.request_id = uses.request_id
where broken.started_at_ns - uses.used_ns >= 1000000 * getvariable('client_idle_ms')
