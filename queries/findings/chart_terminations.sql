-- Every end of a pod, step by step, counted from its deletion: when it left the endpoints, when each proxy had taken that
-- into use, when the last request was routed to it, SIGTERM, exit, removal. Laid over each other they show whether SIGTERM
-- comes before the last one has learnt of it.
--
-- Kind:     table
-- Grain:    one row per deleted pod and step that was seen
-- Reads:    timeline.pod_lifecycles, timeline.pod_routes, timeline.config_changes
-- Needs:    timeline.pod_lifecycles
--
-- Columns:
--   pod_uid    VARCHAR  UID of the pod.
--   pod_name   VARCHAR  Name of the pod.
--   workload   VARCHAR  Controller, `kind/name`.
--   step       VARCHAR  withdrawn, applied, routed, signalled, exited or gone, as in timeline.moments.
--   proxy      VARCHAR  The proxy that applied it; null for other steps.
--   lo_ms      DOUBLE   Earliest, since the middle of the deletion's interval, ms.
--   hi_ms      DOUBLE   Latest.
--   reference  VARCHAR  What tells of it: `source:line`; null where it follows from others.
with ended as (
    select
        pod_lifecycles.*,
        (pod_lifecycles.deleted_lo_ns + pod_lifecycles.deleted_hi_ns) // 2 as zero_ns
    from timeline.pod_lifecycles
    where pod_lifecycles.deleted_lo_ns is not null and pod_lifecycles.killed_lo_ns is not null
),

-- A proxy of which a reload is known takes endpoints into use by that; its other steps only prepare it.
kinds as (
    select
        config_changes.proxy,
        arg_min(config_changes.kind, if(config_changes.kind = 'sync', 1, 0)) as kind
    from timeline.config_changes
    where not config_changes.is_failed
    group by config_changes.proxy
),

changes as (
    select
        config_changes.proxy,
        config_changes.began_lo_ns,
        coalesce(config_changes.done_hi_ns, config_changes.began_lo_ns) as done_ns,
        config_changes.reference
    from timeline.config_changes
    inner join kinds on config_changes.proxy = kinds.proxy and config_changes.kind = kinds.kind
    where not config_changes.is_failed
),

applied as (
    select
        ended.pod_uid,
        changes.proxy,
        min(changes.began_lo_ns) as began_ns,
        arg_min(changes.done_ns, changes.began_lo_ns) as done_ns,
        arg_min(changes.reference, changes.began_lo_ns) as reference
    from ended
    inner join changes
        on
            ended.withdrawn_lo_ns <= changes.began_lo_ns
            and ended.withdrawn_lo_ns + 60000000000 >= changes.began_lo_ns
    group by ended.pod_uid, changes.proxy
),

steps as (
    select
        ended.pod_uid,
        null::varchar as proxy,
        unnest([
            {
                'step': 'withdrawn', 'lo_ns': ended.withdrawn_lo_ns, 'hi_ns': ended.withdrawn_hi_ns,
                'reference': null::varchar
            },
            {
                'step': 'signalled', 'lo_ns': ended.signalled_lo_ns, 'hi_ns': ended.signalled_hi_ns,
                'reference': ended.killing_reference
            },
            {
                'step': 'exited', 'lo_ns': ended.exited_lo_ns, 'hi_ns': ended.exited_hi_ns,
                'reference': ended.reference
            },
            {
                'step': 'gone', 'lo_ns': ended.gone_hi_ns, 'hi_ns': ended.gone_hi_ns,
                'reference': null::varchar
            }
        ]) as seen
    from ended
    union all
    select
        pod_routes.pod_uid,
        null::varchar as proxy,
        {
            'step': 'routed', 'lo_ns': pod_routes.last_routed_lo_ns, 'hi_ns': pod_routes.last_routed_hi_ns,
            'reference': pod_routes.reference
        } as seen
    from timeline.pod_routes
    union all
    select
        applied.pod_uid,
        applied.proxy,
        {
            'step': 'applied', 'lo_ns': applied.began_ns, 'hi_ns': applied.done_ns,
            'reference': applied.reference
        } as seen
    from applied
)

select
    ended.pod_uid,
    ended.pod_name,
    ended.workload,
    steps.seen.step,
    steps.proxy,
    (steps.seen.lo_ns - ended.zero_ns) / 1e6 as lo_ms,
    (steps.seen.hi_ns - ended.zero_ns) / 1e6 as hi_ms,
    steps.seen.reference
from steps
inner join ended on steps.pod_uid = ended.pod_uid
where steps.seen.lo_ns is not null
order by ended.zero_ns, ended.pod_uid, lo_ms, steps.seen.step, steps.proxy
