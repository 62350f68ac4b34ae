-- A living pod closed an idle connection in the very moment in which the proxy sent a request over it.
--
-- Title: An idle connection to the pod was closed
-- Clause: was sent over an idle connection that the pod was just closing
-- Remedy: an idle timeout of the server that is longer than the proxy's; let the proxy try again what is safe
--               to repeat
-- Where: connection
-- Fixed by: keepalive
-- Prestop helps: no
-- Not when: the pod was ending or had crashed, the connection was new, or it had been used a moment before
-- Told by: the proxy's `upstream_connect_time` of 0 (a connection used before), and its error log
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods, timeline.attempts, timeline.proxy_lines, staging.proxy_requests
-- Needs: timeline.attempt_pods, timeline.proxy_lines
-- Params:
--   idle_gap_ms  BIGINT  500  A connection that was used less long ago is not idle.
-- See: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive_timeout
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  End of the try.
--   evidence_ref  VARCHAR                   The proxy's line: `source:line`; null when only the client's own tells.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Null: no pod went away for it.
--   idle_ms       DOUBLE                    Since the same worker had last used a connection to that pod, ms.
with broken as (
    select
        attempt_pods.request_id,
        attempt_pods.attempt,
        attempt_pods.pod_uid,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.linked_by,
        attempt_pods.reference,
        attempt_pods.started_lo_ns,
        attempt_pods.ended_lo_ns,
        attempt_pods.ended_hi_ns,
        attempts.upstream_address,
        proxy_lines.process_id
    from timeline.attempt_pods
    inner join timeline.attempts
        on attempt_pods.request_id = attempts.request_id and attempt_pods.attempt = attempts.attempt
    inner join timeline.proxy_lines on attempts.proxy_reference = proxy_lines.reference
    where
        attempt_pods.symptom = 'reset'
        and attempt_pods.linked_by = 'address'
        and not attempt_pods.is_ejection
        and not attempt_pods.has_crashed
        and not attempt_pods.is_node_lost
        and list_has_all(['N', 'A'], attempt_pods.possible_phases)
        -- Envoy does not log whether a connection was new.
        and coalesce(attempt_pods.is_reused, proxy_lines.proxy = 'envoy')
        and attempt_pods.ended_lo_ns - attempt_pods.started_hi_ns < 50000000
),

uses as (
    select
        broken.request_id,
        broken.attempt,
        max(proxy_requests.ended_hi_ns) as used_ns
    from broken
    inner join staging.proxy_requests
        on
            broken.upstream_address = proxy_requests.upstream_addresses
            and broken.process_id is not distinct from proxy_requests.process_id
            and broken.started_lo_ns >= proxy_requests.ended_hi_ns
    group by broken.request_id, broken.attempt
)

select
    broken.request_id,
    broken.attempt,
    instant_at(broken.ended_lo_ns, broken.ended_hi_ns) as evidence_at,
    broken.reference as evidence_ref,
    tier_of(broken.linked_by, broken.matched_by, broken.evidence, true) as tier,
    0.9::double as weight,
    broken.pod_uid,
    null::varchar as pod_trigger,
    (broken.started_lo_ns - uses.used_ns) / 1e6 as idle_ms
from broken
inner join uses on broken.request_id = uses.request_id and broken.attempt = uses.attempt
where broken.started_lo_ns - uses.used_ns >= 1000000 * getvariable('idle_gap_ms')
