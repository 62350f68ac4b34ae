-- What the proxies' logs tell of each pod's end: the last request that was routed to it (L) and when its listener
-- closed (C). Every try counts, also those that went well and those that a retry healed.
--
-- Grain:    one row per deleted pod that a proxy tried after the kubelet began to end it
-- Reads:    timeline.pod_lifecycles, staging.proxy_requests
--
-- Columns:
--   pod_uid             VARCHAR  UID of the pod.
--   route_count         BIGINT   Tries that were routed to it after the kubelet began to end it.
--   last_routed_lo_ns   BIGINT   Start of the last of them (L), earliest, reference clock.
--   last_routed_hi_ns   BIGINT   Start of the last of them, latest.
--   listener_lo_ns      BIGINT   Listener closed (C), earliest: not before SIGTERM, nor before the last good answer began.
--   listener_hi_ns      BIGINT   Listener closed, latest: by the first refusal, else by the container's exit; null when
--                                neither was seen.
--   is_censored         BOOLEAN  Requests were still coming when it got SIGTERM, so that L may be later than was seen.
--   reference           VARCHAR  The line of the last try: `source:line`.
with ends as (
    select
        pod_lifecycles.pod_uid,
        pod_lifecycles.pod_ip,
        pod_lifecycles.killed_lo_ns,
        pod_lifecycles.signalled_lo_ns,
        pod_lifecycles.signalled_hi_ns,
        pod_lifecycles.exited_hi_ns,
        120000000000
        + coalesce(pod_lifecycles.gone_hi_ns, pod_lifecycles.exited_hi_ns, pod_lifecycles.signalled_hi_ns)
            as until_ns
    from timeline.pod_lifecycles
    where pod_lifecycles.killed_lo_ns is not null and pod_lifecycles.pod_ip is not null
),

span as (
    select
        min(ends.killed_lo_ns) as first_ns,
        max(ends.until_ns) as last_ns
    from ends
),

lines as (
    select
        proxy_requests.reference,
        proxy_requests.started_lo_ns,
        proxy_requests.started_hi_ns,
        proxy_requests.ended_hi_ns,
        proxy_requests.upstream_addresses,
        proxy_requests.upstream_statuses,
        proxy_requests.upstream_connect_times_s
    from staging.proxy_requests
    cross join span
    where
        proxy_requests.upstream_addresses is not null
        and proxy_requests.ended_hi_ns between span.first_ns and span.last_ns
),

tries as (
    select
        lines.reference,
        lines.started_lo_ns,
        lines.started_hi_ns,
        lines.ended_hi_ns,
        regexp_extract(
            unnest(regexp_split_to_array(lines.upstream_addresses, ' *, *| +: +')),
            '^\[?([0-9a-fA-F:.]+?)\]?:\d+$', 1
        ) as upstream_ip,
        unnest(
            regexp_split_to_array(coalesce(lines.upstream_statuses, ''), ' *, *| +: +')
        ) as try_status,
        unnest(regexp_split_to_array(coalesce(lines.upstream_connect_times_s, ''), ' *, *| +: +'))
            as connect_s
    from lines
),

routed as (
    select
        ends.*,
        tries.reference,
        tries.started_lo_ns,
        tries.started_hi_ns,
        tries.ended_hi_ns,
        coalesce(try_cast(tries.try_status as integer) < 500, false) as is_answered,
        coalesce(try_cast(tries.try_status as integer) >= 500 and tries.connect_s = '-', false) as is_refused
    from ends
    inner join tries
        on
            ends.pod_ip = tries.upstream_ip
            and ends.killed_lo_ns <= tries.started_hi_ns
            and ends.until_ns >= tries.started_lo_ns
)

select
    routed.pod_uid,
    count(*) as route_count,
    max(routed.started_lo_ns) as last_routed_lo_ns,
    max(routed.started_hi_ns) as last_routed_hi_ns,
    greatest(
        any_value(routed.signalled_lo_ns), max(routed.started_lo_ns) filter (where routed.is_answered)
    ) as listener_lo_ns,
    greatest(
        any_value(routed.signalled_lo_ns),
        coalesce(
            min(routed.ended_hi_ns) filter (
                where routed.is_refused and routed.ended_hi_ns >= routed.signalled_lo_ns
            ),
            any_value(routed.exited_hi_ns)
        )
    ) as listener_hi_ns,
    max(routed.started_hi_ns) >= any_value(routed.signalled_lo_ns) as is_censored,
    max_by(routed.reference, routed.started_lo_ns) as reference
from routed
group by routed.pod_uid
