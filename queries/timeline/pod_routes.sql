-- What the proxies' logs tell of each pod's end: the last request that was routed to it (L) and when its listener
-- closed (C). Every try counts, also those that went well and those that a retry healed.
--
-- Grain:    one row per deleted pod that a proxy tried after the kubelet began to end it
-- Reads:    timeline.pod_lifecycles, timeline.pod_tries
-- Needs:    timeline.pod_lifecycles, timeline.pod_tries
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
with routed as (
    select
        pod_lifecycles.killed_lo_ns,
        pod_lifecycles.signalled_lo_ns,
        pod_lifecycles.exited_hi_ns,
        pod_tries.*
    from timeline.pod_tries
    inner join timeline.pod_lifecycles on pod_tries.pod_uid = pod_lifecycles.pod_uid
    where
        pod_tries.path_kind = 'proxy'
        and pod_lifecycles.pod_ip is not null
        and pod_lifecycles.killed_lo_ns <= pod_tries.started_hi_ns
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
