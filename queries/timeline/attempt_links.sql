-- Which pod each failed attempt went to, or, where nobody logged an address, each pod that was ending, starting or
-- crashing at that time and so may have been the one, of the Services that the request can have been for.
--
-- Kind:     table
-- Grain:    one row per failed attempt and pod that it may have gone to
-- Reads:    timeline.attempts, timeline.pod_lifecycles, timeline.container_exits, timeline.node_outages,
--           timeline.request_services, timeline.pod_services
-- Needs:    timeline.attempts, timeline.pod_lifecycles
-- Params:
--   max_lag_s  BIGINT  120  A pod is not blamed for attempts later than this after it was gone, when its address is known.
--   max_lag_unaddressed_s  BIGINT  5  The same where no address was logged.
--   warm_up_s  BIGINT  120  A pod without readiness probe may refuse for so long after its start.
--
-- Columns:
--   request_id         VARCHAR  Key of timeline.attempts.
--   attempt            INTEGER  Number of the try.
--   pod_uid            VARCHAR  The pod.
--   linked_by          VARCHAR  How the pod was found: address, pod_name, time.
with crashes as (
    select
        container_exits.pod_uid,
        min(container_exits.began_lo_ns) as crashed_lo_ns
    from timeline.container_exits
    group by container_exits.pod_uid
),

lifecycles as (
    select
        pod_lifecycles.*,
        crashes.crashed_lo_ns
    from timeline.pod_lifecycles
    left outer join crashes on pod_lifecycles.pod_uid = crashes.pod_uid
),

by_address as (
    select
        attempts.request_id,
        attempts.attempt,
        lifecycles.pod_uid,
        'address' as linked_by
    from timeline.attempts
    asof inner join lifecycles
        on attempts.upstream_ip = lifecycles.pod_ip and attempts.ended_hi_ns >= lifecycles.addressed_lo_ns
    where
        attempts.started_lo_ns
        <= coalesce(lifecycles.gone_hi_ns, 9000000000000000000) + 1000000000 * getvariable('max_lag_s')
),

by_name as (
    select
        attempts.request_id,
        attempts.attempt,
        lifecycles.pod_uid,
        'pod_name' as linked_by
    from timeline.attempts
    inner join lifecycles on attempts.pod_name = lifecycles.pod_name
    where attempts.upstream_ip is null
),

suspects as (
    select
        lifecycles.pod_uid,
        lifecycles.killed_lo_ns,
        1000000000 * getvariable('max_lag_unaddressed_s')
        + coalesce(
            lifecycles.gone_hi_ns,
            lifecycles.exited_hi_ns,
            lifecycles.killed_hi_ns + lifecycles.grace_s * 1000000000
        ) as ended_hi_ns,
        case when not lifecycles.has_readiness then lifecycles.started_lo_ns end as began_lo_ns,
        lifecycles.started_hi_ns + 1000000000 * getvariable('warm_up_s') as began_hi_ns,
        lifecycles.crashed_lo_ns,
        (
            select min(node_outages.from_lo_ns)
            from timeline.node_outages
            where node_outages.node_name = lifecycles.node_name
        ) as lost_lo_ns
    from lifecycles
    -- Where Services were recorded, a pod of none gets no requests through one. The API server's own are nobody's load.
    where
        not exists (select 1 from timeline.pod_services)
        or exists (
            select 1 from timeline.pod_services
            where pod_services.pod_uid = lifecycles.pod_uid and pod_services.namespace <> 'kube-system'
        )
),

unaddressed as (
    select
        attempts.request_id,
        attempts.attempt,
        attempts.started_lo_ns,
        attempts.ended_hi_ns,
        exists(
            select 1 from timeline.request_services
            where request_services.request_id = attempts.request_id
        ) as is_service_known
    from timeline.attempts
    where attempts.proxy_reference is null and attempts.pod_name is null
),

by_time as (
    select
        unaddressed.request_id,
        unaddressed.attempt,
        suspects.pod_uid,
        'time' as linked_by
    from unaddressed
    inner join suspects
        on
            (
                unaddressed.ended_hi_ns >= suspects.killed_lo_ns
                and unaddressed.started_lo_ns <= suspects.ended_hi_ns
            )
            or (
                unaddressed.ended_hi_ns >= suspects.began_lo_ns
                and unaddressed.started_lo_ns <= suspects.began_hi_ns
            )
            or unaddressed.ended_hi_ns >= suspects.crashed_lo_ns
            or unaddressed.ended_hi_ns >= suspects.lost_lo_ns
    where
        not unaddressed.is_service_known
        or exists (
            select 1
            from timeline.request_services
            inner join timeline.pod_services
                on
                    request_services.namespace = pod_services.namespace
                    and request_services.service_name = pod_services.service_name
            where
                request_services.request_id = unaddressed.request_id
                and pod_services.pod_uid = suspects.pod_uid
        )
)

select
    by_address.request_id,
    by_address.attempt,
    by_address.pod_uid,
    by_address.linked_by
from by_address
union all
select
    by_name.request_id,
    by_name.attempt,
    by_name.pod_uid,
    by_name.linked_by
from by_name
union all
select
    by_time.request_id,
    by_time.attempt,
    by_time.pod_uid,
    by_time.linked_by
from by_time
