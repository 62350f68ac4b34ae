-- The ingress controller's own pod ended, and nobody took the connection until another one was ready.
--
-- Title: The ingress itself was restarted
-- Clause: found the ingress itself down
-- Remedy: two or more replicas of the ingress controller, a preStop sleep and a long enough grace period for it, a
--               disruption budget: what its own pods need is what yours need
-- Fixed by: replicas
-- Where: routing
-- Prestop helps: no: not the application's; one of the ingress controller itself does
-- Not when: the proxy logged the request (then it was up), or the client did not go through a proxy
-- Told by: the ingress' own pods in the watch, and a gap in its access log
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.pod_lifecycles, timeline.pod_triggers, timeline.container_exits,
--               timeline.pod_services, timeline.request_services
-- Needs: timeline.attempts, timeline.pod_lifecycles
-- Params:
--   ingress_return_s  BIGINT  3  A new pod of the ingress takes requests this long after it became ready.
-- See: https://kubernetes.io/docs/concepts/services-networking/ingress-controllers/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  When the ingress' pod began to end.
--   evidence_ref  VARCHAR                   What tells of that: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The ingress' pod.
--   pod_trigger   VARCHAR                   Why it went away.
--   since_end_ms  DOUBLE                    From the begin of that end to the end of the try, ms.
with proxies as (
    select pod_lifecycles.*
    from timeline.pod_lifecycles
    where
        regexp_matches(
            concat_ws(
                ' ', pod_lifecycles.namespace, pod_lifecycles.workload,
                pod_lifecycles.labels['app.kubernetes.io/name'], pod_lifecycles.labels['app']
            ),
            '(?i)ingress|traefik|contour|envoy|haproxy|gateway|kong|apisix'
        )
        -- What requests are meant for is no proxy, whatever it is called.
        and not exists (
            select 1
            from timeline.pod_services
            inner join timeline.request_services
                on
                    pod_services.namespace = request_services.namespace
                    and pod_services.service_name = request_services.service_name
            where pod_services.pod_uid = pod_lifecycles.pod_uid
        )
),

ends as (
    select
        proxies.pod_uid,
        proxies.namespace,
        proxies.workload,
        proxies.killed_lo_ns as began_lo_ns,
        coalesce(proxies.gone_hi_ns, proxies.exited_hi_ns) as ended_hi_ns,
        coalesce(proxies.killing_reference, proxies.reference) as reference,
        pod_triggers.pod_trigger
    from proxies
    inner join timeline.pod_triggers on proxies.pod_uid = pod_triggers.pod_uid
    union all
    select
        proxies.pod_uid,
        proxies.namespace,
        proxies.workload,
        container_exits.began_lo_ns,
        container_exits.restarted_hi_ns as ended_hi_ns,
        container_exits.reference,
        container_exits.ended_by as pod_trigger
    from proxies
    inner join timeline.container_exits on proxies.pod_uid = container_exits.pod_uid
),

outages as (
    select
        ends.pod_uid,
        any_value(ends.reference) as reference,
        any_value(ends.pod_trigger) as pod_trigger,
        ends.began_lo_ns,
        -- Until the next one is ready; where others were all the time, until it was gone.
        greatest(any_value(ends.ended_hi_ns), coalesce(min(successors.ready_hi_ns), 0)) as until_hi_ns
    from ends
    left outer join proxies as successors
        on
            ends.namespace = successors.namespace
            and ends.workload = successors.workload
            and ends.began_lo_ns <= successors.ready_hi_ns
    group by ends.pod_uid, ends.began_lo_ns
)

select
    attempts.request_id,
    attempts.attempt,
    instant_at(outages.began_lo_ns, outages.began_lo_ns) as evidence_at,
    outages.reference as evidence_ref,
    'C' as tier,
    0.9::double as weight,
    outages.pod_uid,
    outages.pod_trigger,
    (attempts.ended_lo_ns - outages.began_lo_ns) / 1e6 as since_end_ms
from timeline.attempts
inner join outages
    on
        attempts.ended_hi_ns >= outages.began_lo_ns
        and attempts.started_lo_ns <= outages.until_hi_ns + 1000000000 * getvariable('ingress_return_s')
where
    attempts.proxy_reference is null
    and attempts.status is null
    and attempts.symptom in ('refused', 'reset', 'truncated', 'unreachable', 'timeout')
qualify row_number() over (
    partition by attempts.request_id, attempts.attempt order by outages.began_lo_ns desc, outages.pod_uid asc
) = 1
