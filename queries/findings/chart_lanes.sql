-- What pods, endpoints, proxies and people did, as bars in lanes. Of many pods those are shown that lost most requests, then
-- those that ended first.
--
-- Kind:     table
-- Grain:    one row per bar; a moment without length ends when it begins
-- Reads:    timeline.pod_lifecycles, timeline.container_exits, timeline.rollouts, timeline.endpoint_memberships,
--           timeline.config_changes, staging.marks, findings.verdicts, findings.chart_window
-- Needs:    findings.chart_window
-- Params:
--   chart_pods  BIGINT  12  How many pods pictures show.
--
-- Columns:
--   kind       VARCHAR  rollout, mark, pod, endpoint or proxy.
--   lane       VARCHAR  Name of the lane: workload, pod or proxy.
--   pod_uid    VARCHAR  The pod; null in other lanes.
--   state      VARCHAR  rollout, mark, starting, serving, prestop, stopping, removing, crashed, in_rotation, config or failed_config.
--   from_ns    BIGINT   Begin, earliest, reference clock, ns since 1970 UTC.
--   until_ns   BIGINT   End, latest; the end of the run while it lasts.
--   doubt_ms   DOUBLE   How far the begin may be off, ms, either way.
--   reference  VARCHAR  What tells of it: `source:line`; null where it follows from others.
with losses as (
    select
        verdicts.pod_uid,
        count(*) as failed_count
    from findings.verdicts
    where verdicts.pod_uid is not null
    group by verdicts.pod_uid
),

pods as (
    select pod_lifecycles.*
    from timeline.pod_lifecycles
    cross join findings.chart_window
    left outer join losses on pod_lifecycles.pod_uid = losses.pod_uid
    where
        pod_lifecycles.created_lo_ns < chart_window.run_until_ns
        and coalesce(pod_lifecycles.gone_hi_ns, pod_lifecycles.exited_hi_ns, chart_window.run_until_ns)
        >= chart_window.run_from_ns
        -- Of other pods only those that did something: a neighbour that just runs says nothing.
        and (
            losses.failed_count > 0
            or pod_lifecycles.killed_lo_ns is not null
            or pod_lifecycles.created_lo_ns >= chart_window.run_from_ns
        )
    qualify row_number() over (
        order by
            losses.failed_count desc nulls last,
            pod_lifecycles.killed_lo_ns asc nulls last,
            pod_lifecycles.created_lo_ns asc,
            pod_lifecycles.pod_uid asc
    ) <= getvariable('chart_pods')
),

pod_states as (
    select
        pods.pod_name,
        pods.pod_uid,
        unnest([
            {
                'state': 'starting', 'reference': pods.reference,
                'from_lo': pods.created_lo_ns, 'from_hi': pods.created_lo_ns + 1000000000,
                'until_ns': coalesce(
                    (pods.ready_lo_ns + pods.ready_hi_ns) // 2, pods.killed_lo_ns, pods.exited_lo_ns
                )
            },
            {
                'state': 'serving', 'reference': pods.reference,
                'from_lo': pods.ready_lo_ns, 'from_hi': pods.ready_hi_ns,
                'until_ns': (pods.killed_lo_ns + pods.killed_hi_ns) // 2
            },
            {
                'state': 'prestop', 'reference': pods.killing_reference,
                'from_lo': if(pods.has_prestop, pods.killed_lo_ns, null), 'from_hi': pods.killed_hi_ns,
                'until_ns': (pods.signalled_lo_ns + pods.signalled_hi_ns) // 2
            },
            {
                'state': 'stopping', 'reference': coalesce(pods.killing_reference, pods.reference),
                'from_lo': pods.signalled_lo_ns, 'from_hi': pods.signalled_hi_ns,
                'until_ns': (pods.exited_lo_ns + pods.exited_hi_ns) // 2
            },
            {
                'state': 'removing', 'reference': pods.reference,
                'from_lo': pods.exited_lo_ns, 'from_hi': pods.exited_hi_ns,
                'until_ns': pods.gone_hi_ns
            }
        ]) as bar
    from pods
),

bars as (
    select
        'pod' as kind,
        pod_states.pod_name as lane,
        pod_states.pod_uid,
        pod_states.bar.state,
        pod_states.bar.from_lo as from_lo_ns,
        pod_states.bar.from_hi as from_hi_ns,
        pod_states.bar.until_ns,
        pod_states.bar.reference
    from pod_states
    where pod_states.bar.from_lo is not null
    union all
    select
        'pod' as kind,
        pods.pod_name as lane,
        pods.pod_uid,
        'crashed' as state,
        container_exits.exited_lo_ns as from_lo_ns,
        container_exits.exited_hi_ns as from_hi_ns,
        container_exits.restarted_hi_ns as until_ns,
        container_exits.reference
    from timeline.container_exits
    inner join pods on container_exits.pod_uid = pods.pod_uid
    union all
    select
        'endpoint' as kind,
        pods.pod_name as lane,
        pods.pod_uid,
        'in_rotation' as state,
        endpoint_memberships.from_lo_ns,
        endpoint_memberships.from_hi_ns,
        endpoint_memberships.until_hi_ns as until_ns,
        coalesce(endpoint_memberships.until_reference, endpoint_memberships.reference) as reference
    from timeline.endpoint_memberships
    inner join pods on endpoint_memberships.pod_uid = pods.pod_uid
    union all
    select
        'rollout' as kind,
        rollouts.namespace || '/' || rollouts.workload as lane,
        null as pod_uid,
        'rollout' as state,
        rollouts.started_lo_ns as from_lo_ns,
        rollouts.started_lo_ns + 1000000000 as from_hi_ns,
        rollouts.ended_hi_ns as until_ns,
        null as reference
    from timeline.rollouts
    union all
    select
        'mark' as kind,
        marks.label as lane,
        null as pod_uid,
        'mark' as state,
        marks.started_lo_ns as from_lo_ns,
        marks.started_hi_ns as from_hi_ns,
        marks.started_lo_ns as until_ns,
        marks.reference
    from staging.marks
    union all
    select
        'proxy' as kind,
        config_changes.proxy || ': ' || config_changes.kind as lane,
        null as pod_uid,
        if(config_changes.is_failed, 'failed_config', 'config') as state,
        config_changes.began_lo_ns as from_lo_ns,
        config_changes.began_lo_ns as from_hi_ns,
        coalesce(config_changes.done_hi_ns, config_changes.began_lo_ns) as until_ns,
        config_changes.reference
    from timeline.config_changes
),

-- How late a state may have begun is not known of everything.
dated as (
    select bars.* replace (coalesce(bars.from_hi_ns, bars.from_lo_ns) as from_hi_ns)
    from bars
)

select
    dated.kind,
    dated.lane,
    dated.pod_uid,
    dated.state,
    (dated.from_lo_ns + dated.from_hi_ns) // 2 as from_ns,
    greatest(
        (dated.from_lo_ns + dated.from_hi_ns) // 2,
        case
            when dated.until_ns is not null then dated.until_ns
            when dated.state = 'crashed' then (dated.from_lo_ns + dated.from_hi_ns) // 2
            else chart_window.run_until_ns
        end
    ) as until_ns,
    (dated.from_hi_ns - dated.from_lo_ns) / 2e6 as doubt_ms,
    dated.reference
from dated
cross join findings.chart_window
where dated.from_lo_ns < chart_window.run_until_ns
order by dated.kind, dated.lane, dated.pod_uid, from_ns, until_ns
