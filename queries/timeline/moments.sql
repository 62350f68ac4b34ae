-- Everything dated that may lie behind a failure, one under the other: what pods, proxies and people did.
--
-- Kind:     table
-- Grain:    one row per thing that happened
-- Reads:    timeline.pod_lifecycles, timeline.container_exits, timeline.rollouts, staging.pod_versions,
--           staging.container_states, staging.endpoint_versions, staging.api_writes,
--           staging.proxy_events, staging.marks
--
-- Columns:
--   lo_ns      BIGINT   Earliest, reference clock, ns since 1970 UTC.
--   hi_ns      BIGINT   Latest.
--   about      VARCHAR  pod, proxy, rollout or mark.
--   moment     VARCHAR  One word for it: created, started, ready, deleted, killed, signalled, withdrawn, exited, gone,
--                       crashed, began, ended, or the proxy's event.
--   pod_uid    VARCHAR  The pod; null when it is about something else.
--   subject    VARCHAR  Name of the pod, proxy or workload.
--   what       VARCHAR  What happened, for people.
--   clock      VARCHAR  Whose clock dated it.
--   reference  VARCHAR  The line that tells of it: `source:line`; null where it follows from others.
with first_versions as (
    select
        pod_versions.pod_uid,
        min_by(pod_versions.reference, pod_versions.version) as created,
        min_by(pod_versions.reference, pod_versions.version) filter (
            where pod_versions.is_ready
        ) as ready,
        min_by(pod_versions.reference, pod_versions.version) filter (
            where pod_versions.event_type = 'DELETED'
        ) as gone
    from staging.pod_versions
    group by pod_versions.pod_uid
),

first_states as (
    select
        container_states.pod_uid,
        min_by(container_states.reference, container_states.observed_hi_ns) filter (
            where container_states.started_ns is not null
        ) as started,
        min_by(container_states.reference, container_states.observed_hi_ns) filter (
            where container_states.exited_ns is not null
        ) as exited
    from staging.container_states
    group by container_states.pod_uid
),

withdrawals as (
    select
        pod_lifecycles.pod_uid,
        min_by(endpoint_versions.reference, endpoint_versions.observed_hi_ns) as withdrawn
    from timeline.pod_lifecycles
    inner join staging.endpoint_versions
        on
            pod_lifecycles.pod_uid = endpoint_versions.pod_uid
            and pod_lifecycles.withdrawn_hi_ns = endpoint_versions.observed_hi_ns
    group by pod_lifecycles.pod_uid
),

removals as (
    select
        pod_lifecycles.pod_uid,
        min_by(api_writes.reference, api_writes.happened_lo_ns) as deleted,
        min_by(
            api_writes.username || ' (' || split_part(api_writes.user_agent, '/', 1) || ')',
            api_writes.happened_lo_ns
        ) as deleted_by
    from timeline.pod_lifecycles
    inner join staging.api_writes
        on
            pod_lifecycles.namespace = api_writes.namespace
            and pod_lifecycles.pod_name = api_writes.name
            and api_writes.is_pod_removal
            and pod_lifecycles.deleted_lo_ns = api_writes.happened_lo_ns
    group by pod_lifecycles.pod_uid
),

pods as (
    select
        pod_lifecycles.*,
        first_versions.created as created_reference,
        first_versions.ready as ready_reference,
        first_versions.gone as gone_reference,
        first_states.started as started_reference,
        first_states.exited as exited_reference,
        withdrawals.withdrawn as withdrawn_reference,
        coalesce(removals.deleted, pod_lifecycles.reference) as deleted_reference,
        coalesce(pod_lifecycles.killing_reference, pod_lifecycles.reference) as kill_reference,
        removals.deleted_by,
        case
            when pod_lifecycles.has_failed_prestop then '(preStop failed)'
            when not pod_lifecycles.has_prestop then '(at once: no preStop)'
            when pod_lifecycles.prestop_s is null then '(after preStop, length unknown)'
            else '(after preStop of ' || format('{:g}', pod_lifecycles.prestop_s) || ' s)'
        end as hook
    from timeline.pod_lifecycles
    left outer join first_versions on pod_lifecycles.pod_uid = first_versions.pod_uid
    left outer join first_states on pod_lifecycles.pod_uid = first_states.pod_uid
    left outer join withdrawals on pod_lifecycles.pod_uid = withdrawals.pod_uid
    left outer join removals on pod_lifecycles.pod_uid = removals.pod_uid
),

pod_moments as (
    select
        pods.pod_uid,
        pods.pod_name as subject,
        unnest([
            {
                'moment': 'created', 'clock': 'apiserver', 'reference': pods.created_reference,
                'lo_ns': pods.created_lo_ns, 'hi_ns': pods.created_lo_ns + 1000000000,
                'what': 'created'
            },
            {
                'moment': 'started', 'clock': 'node', 'reference': pods.started_reference,
                'lo_ns': pods.started_lo_ns, 'hi_ns': pods.started_hi_ns,
                'what': 'container started'
            },
            {
                'moment': 'ready', 'clock': 'node', 'reference': pods.ready_reference,
                'lo_ns': pods.ready_lo_ns, 'hi_ns': pods.ready_hi_ns,
                'what': if(pods.has_readiness, 'ready', 'ready (no readiness probe)')
            },
            {
                'moment': 'deleted', 'clock': 'apiserver', 'reference': pods.deleted_reference,
                'lo_ns': pods.deleted_lo_ns, 'hi_ns': pods.deleted_hi_ns,
                'what': 'deleted' || coalesce(' by ' || pods.deleted_by, '')
            },
            {
                'moment': 'killed', 'clock': 'node', 'reference': pods.kill_reference,
                'lo_ns': pods.killed_lo_ns, 'hi_ns': pods.killed_hi_ns,
                'what': 'kubelet starts to end it'
            },
            {
                'moment': 'signalled', 'clock': 'node', 'reference': pods.kill_reference,
                'lo_ns': pods.signalled_lo_ns, 'hi_ns': pods.signalled_hi_ns,
                'what': 'SIGTERM ' || pods.hook
            },
            {
                'moment': 'withdrawn', 'clock': 'recorder', 'reference': pods.withdrawn_reference,
                'lo_ns': pods.withdrawn_lo_ns, 'hi_ns': pods.withdrawn_hi_ns,
                'what': 'endpoint not ready any more'
            },
            {
                'moment': 'exited', 'clock': 'node', 'reference': pods.exited_reference,
                'lo_ns': pods.exited_lo_ns, 'hi_ns': pods.exited_hi_ns,
                'what': 'last container exited' || coalesce(', code ' || pods.exit_code, '')
            },
            {
                'moment': 'gone', 'clock': 'recorder', 'reference': pods.gone_reference,
                'lo_ns': pods.gone_hi_ns, 'hi_ns': pods.gone_hi_ns,
                'what': 'pod object removed'
            }
        ]) as happened
    from pods
)

select
    pod_moments.happened.lo_ns,
    pod_moments.happened.hi_ns,
    'pod' as about,
    pod_moments.happened.moment,
    pod_moments.pod_uid,
    pod_moments.subject,
    pod_moments.happened.what,
    pod_moments.happened.clock,
    pod_moments.happened.reference
from pod_moments
where pod_moments.happened.lo_ns is not null
union all
select
    container_exits.exited_lo_ns as lo_ns,
    container_exits.exited_hi_ns as hi_ns,
    'pod' as about,
    'crashed' as moment,
    container_exits.pod_uid,
    pod_lifecycles.pod_name as subject,
    'container ' || container_exits.container || ' ended by itself'
    || coalesce(', code ' || container_exits.exit_code, '')
    || coalesce(', ' || container_exits.exit_reason, '') as what,
    'node' as clock,
    container_exits.reference
from timeline.container_exits
inner join timeline.pod_lifecycles on container_exits.pod_uid = pod_lifecycles.pod_uid
union all
select
    proxy_events.logged_lo_ns as lo_ns,
    proxy_events.logged_hi_ns as hi_ns,
    'proxy' as about,
    proxy_events.event as moment,
    null as pod_uid,
    proxy_events.proxy as subject,
    replace(proxy_events.event, '_', ' ')
    || coalesce(', version ' || proxy_events.config_version, '')
    || coalesce(', took ' || round(proxy_events.duration_ms)::bigint || ' ms', '') as what,
    proxy_events.clock,
    proxy_events.reference
from staging.proxy_events
where
    proxy_events.event not in (
        'upstream_error', 'worker_started', 'worker_exiting', 'worker_exited'
    )
union all
select
    rollouts.started_lo_ns as lo_ns,
    rollouts.started_lo_ns + 1000000000 as hi_ns,
    'rollout' as about,
    'began' as moment,
    null as pod_uid,
    rollouts.workload as subject,
    'rollout of ' || rollouts.template_hash || ' began' as what,
    'apiserver' as clock,
    null as reference
from timeline.rollouts
union all
select
    rollouts.ended_hi_ns as lo_ns,
    rollouts.ended_hi_ns as hi_ns,
    'rollout' as about,
    'ended' as moment,
    null as pod_uid,
    rollouts.workload as subject,
    'last pod before ' || rollouts.template_hash || ' was gone' as what,
    'recorder' as clock,
    null as reference
from timeline.rollouts
where rollouts.ended_hi_ns is not null
union all
select
    marks.started_lo_ns as lo_ns,
    marks.started_hi_ns as hi_ns,
    'mark' as about,
    'began' as moment,
    null as pod_uid,
    null as subject,
    marks.label as what,
    marks.clock,
    marks.reference
from staging.marks
