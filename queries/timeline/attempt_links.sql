-- Which pod each failed attempt went to, or, where nobody logged an address, each pod that was ending, starting or
-- crashing at that time and so may have been the one.
--
-- Kind:     table
-- Grain:    one row per failed attempt and pod that it may have gone to
-- Reads:    timeline.attempts, timeline.pod_lifecycles, timeline.container_exits
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

by_time as (
    select
        attempts.request_id,
        attempts.attempt,
        lifecycles.pod_uid,
        'time' as linked_by
    from timeline.attempts
    inner join lifecycles
        on
            (
                attempts.ended_hi_ns >= lifecycles.killed_lo_ns
                and attempts.started_lo_ns
                <= coalesce(
                    lifecycles.gone_hi_ns,
                    lifecycles.exited_hi_ns,
                    lifecycles.killed_hi_ns + lifecycles.grace_s * 1000000000
                )
                + 1000000000 * getvariable('max_lag_unaddressed_s')
            )
            or (
                not lifecycles.has_readiness
                and attempts.ended_hi_ns >= lifecycles.started_lo_ns
                and attempts.started_lo_ns <= lifecycles.started_hi_ns + 1000000000 * getvariable('warm_up_s')
            )
            or attempts.ended_hi_ns >= lifecycles.crashed_lo_ns
    where attempts.proxy_reference is null and attempts.pod_name is null
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
