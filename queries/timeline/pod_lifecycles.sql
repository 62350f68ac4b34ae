-- The life of each pod as intervals on the reference clock. What cannot be dated better than to a second is a second
-- wide; SIGTERM (S) is nowhere written down and is the kubelet's start of the kill (K) plus preStop.
--
-- Kind:     table
-- Grain:    one row per pod
-- Reads:    staging.pod_versions, staging.container_states, staging.cluster_events, staging.endpoint_versions,
--           staging.clock_offsets, staging.api_writes, timeline.endpoint_memberships
-- Needs:    staging.pod_versions
--
-- Columns:
--   pod_uid              VARCHAR  UID of the pod.
--   pod_name             VARCHAR  Name of the pod.
--   namespace            VARCHAR  Namespace of the pod.
--   workload             VARCHAR  Controller, `kind/name`; a ReplicaSet's Deployment; the pod itself without one.
--   template_hash        VARCHAR  Which version of the pod template; null without a controller.
--   pod_ip               VARCHAR  Address; null when it never had one.
--   node_name            VARCHAR  Node.
--   has_readiness        BOOLEAN  Whether any container has a readiness or startup probe.
--   has_prestop          BOOLEAN  Whether any container has a preStop hook.
--   prestop_s            DOUBLE   How long preStop sleeps; 0 without preStop, null when it does not say.
--   grace_s              BIGINT   Grace period that counted: of the deletion, else of the spec.
--   created_lo_ns        BIGINT   Creation, earliest.
--   addressed_lo_ns      BIGINT   It had its address since, earliest.
--   started_lo_ns        BIGINT   First container start, earliest; null when not seen.
--   started_hi_ns        BIGINT   First container start, latest.
--   ready_lo_ns          BIGINT   First Ready, earliest; null when never ready.
--   ready_hi_ns          BIGINT   First Ready, latest.
--   deleted_lo_ns        BIGINT   Deletion accepted (D), earliest; null while it lives.
--   deleted_hi_ns        BIGINT   Deletion accepted, latest.
--   killed_lo_ns         BIGINT   Kubelet starts the kill (K), earliest; null while it lives.
--   killed_hi_ns         BIGINT   Kubelet starts the kill, latest.
--   signalled_lo_ns      BIGINT   SIGTERM (S), earliest; null while it lives.
--   signalled_hi_ns      BIGINT   SIGTERM, latest.
--   withdrawn_lo_ns      BIGINT   Endpoint no longer ready (E), earliest; null when not seen.
--   withdrawn_hi_ns      BIGINT   Endpoint no longer ready, latest.
--   exited_lo_ns         BIGINT   Last container exit (X), earliest; null while it lives.
--   exited_hi_ns         BIGINT   Last container exit, latest.
--   gone_hi_ns           BIGINT   Object removed, latest; null while it is there.
--   exit_code            BIGINT   Exit code of that exit; null when not seen.
--   exit_reason          VARCHAR  Completed, Error, OOMKilled; null when not seen.
--   has_failed_prestop   BOOLEAN  The kubelet reported that preStop failed.
--   disruption           VARCHAR  Reason of the condition DisruptionTarget; null when none.
--   reference            VARCHAR  Version that first told of the deletion, else the first one: `source:line`.
--   killing_reference    VARCHAR  The Killing event: `source:line`; null when none was seen.
--   deletion_seen_ns     BIGINT   The recorder first saw the deletion, latest; null while it lives.
--   is_prestop_sleep     BOOLEAN  Every preStop hook does nothing but sleep; true without one.
--   is_prestop_stop      BOOLEAN  A preStop hook says that it stops the application, before any sleep.
--   configured_prestop_s DOUBLE   How long preStop was to sleep, had it not failed; null when unknown.
--   ended_reason         VARCHAR  Why the kubelet ended it, in the pod's own status: Evicted, Terminated, …; null mostly.
--   labels               MAP(VARCHAR, VARCHAR)  Labels of the pod; null without any.
with pods as (
    select
        pod_versions.pod_uid,
        any_value(pod_versions.pod_name) as pod_name,
        any_value(pod_versions.namespace) as namespace,
        any_value(pod_versions.owner_kind) as owner_kind,
        any_value(pod_versions.owner_name) as owner_name,
        any_value(pod_versions.template_hash) as template_hash,
        any_value(pod_versions.pod_ip) as pod_ip,
        any_value(pod_versions.node_name) as node_name,
        bool_or(pod_versions.has_readiness) as has_readiness,
        bool_or(pod_versions.has_prestop) as has_prestop,
        max(pod_versions.prestop_s) as prestop_s,
        min(pod_versions.delete_grace_s) filter (where pod_versions.delete_grace_s > 0) as delete_grace_s,
        any_value(pod_versions.grace_period_s) as grace_period_s,
        min(pod_versions.created_ns) as created_ns,
        min(pod_versions.observed_lo_ns) filter (where pod_versions.pod_ip is not null) as addressed_ns,
        min(pod_versions.ready_changed_ns) filter (where pod_versions.is_ready) as ready_ns,
        min(pod_versions.observed_hi_ns) filter (where pod_versions.is_ready) as ready_seen_ns,
        -- Under pressure and when its node shuts down the kubelet ends a pod that nobody deletes, or does so later.
        least(
            min(pod_versions.delete_deadline_ns - pod_versions.delete_grace_s * 1000000000),
            min(pod_versions.disrupted_ns) filter (where pod_versions.disruption = 'TerminationByKubelet')
        ) as deleted_ns,
        min(pod_versions.observed_hi_ns) filter (
            where pod_versions.delete_deadline_ns is not null
            or pod_versions.disruption = 'TerminationByKubelet'
        ) as deleting_seen_ns,
        min(pod_versions.observed_hi_ns) filter (where pod_versions.event_type = 'DELETED') as gone_seen_ns,
        any_value(pod_versions.disruption) as disruption,
        any_value(pod_versions.ended_reason) as ended_reason,
        bool_and(pod_versions.is_prestop_sleep) as is_prestop_sleep,
        bool_or(pod_versions.is_prestop_stop) as is_prestop_stop,
        any_value(pod_versions.labels) as labels,
        min_by(
            pod_versions.reference, (pod_versions.delete_deadline_ns is null, pod_versions.version)
        ) as reference
    from staging.pod_versions
    group by pod_versions.pod_uid
),

states as (
    select
        container_states.pod_uid,
        min(container_states.started_ns) as started_ns,
        min(container_states.observed_hi_ns) filter (where container_states.started_ns is not null)
            as started_seen_ns,
        -- A container that crashed and was started anew has not ended the pod: only exits since the deletion count.
        max(container_states.exited_ns) filter (
            where container_states.exited_ns >= pods.deleted_ns - 2000000000
        ) as exited_ns,
        max_by(container_states.exit_code, container_states.exited_ns) filter (
            where container_states.exited_ns >= pods.deleted_ns - 2000000000
        ) as exit_code,
        max_by(container_states.exit_reason, container_states.exited_ns) filter (
            where container_states.exited_ns >= pods.deleted_ns - 2000000000
        ) as exit_reason
    from staging.container_states
    inner join pods on container_states.pod_uid = pods.pod_uid
    group by container_states.pod_uid
),

exits_seen as (
    select
        container_states.pod_uid,
        min(container_states.observed_hi_ns) as exited_seen_ns
    from staging.container_states
    inner join
        states
        on container_states.pod_uid = states.pod_uid and container_states.exited_ns = states.exited_ns
    group by container_states.pod_uid
),

kills as (
    select
        pods.pod_uid,
        min(cluster_events.happened_lo_ns) as killed_lo_ns,
        min(cluster_events.happened_hi_ns) as killed_hi_ns,
        min_by(cluster_events.reference, cluster_events.happened_lo_ns) as killing_reference
    from pods
    inner join staging.cluster_events
        on
            pods.pod_uid = cluster_events.about_uid
            and cluster_events.reason = 'Killing'
            and cluster_events.happened_hi_ns >= pods.deleted_ns - 1000000000
    group by pods.pod_uid
),

failed_hooks as (
    select
        pods.pod_uid,
        min(cluster_events.happened_lo_ns) as failed_lo_ns,
        min(cluster_events.happened_hi_ns) as failed_hi_ns
    from pods
    inner join staging.cluster_events
        on
            pods.pod_uid = cluster_events.about_uid
            and cluster_events.reason = 'FailedPreStopHook'
            and cluster_events.happened_hi_ns >= pods.deleted_ns - 1000000000
    group by pods.pod_uid
),

withdrawals as (
    select
        pods.pod_uid,
        min(endpoint_versions.observed_lo_ns) as withdrawn_lo_ns,
        min(endpoint_versions.observed_hi_ns) as withdrawn_hi_ns
    from pods
    inner join staging.endpoint_versions
        on
            pods.pod_uid = endpoint_versions.pod_uid
            and not endpoint_versions.is_ready
            and pods.deleted_ns <= endpoint_versions.observed_hi_ns
    group by pods.pod_uid
),

-- One that left its slice without being called not ready first.
departures as (
    select
        pods.pod_uid,
        min(endpoint_memberships.until_lo_ns) as withdrawn_lo_ns,
        min(endpoint_memberships.until_hi_ns) as withdrawn_hi_ns
    from pods
    inner join timeline.endpoint_memberships
        on
            pods.pod_uid = endpoint_memberships.pod_uid
            and pods.deleted_ns <= endpoint_memberships.until_hi_ns
    group by pods.pod_uid
),

clocks as (
    select
        max(clock_offsets.offset_lo_ns) filter (where clock_offsets.clock = 'apiserver') as api_lo_ns,
        max(clock_offsets.offset_hi_ns) filter (where clock_offsets.clock = 'apiserver') as api_hi_ns,
        max(clock_offsets.offset_lo_ns) filter (where clock_offsets.clock = 'node') as node_lo_ns,
        max(clock_offsets.offset_hi_ns) filter (where clock_offsets.clock = 'node') as node_hi_ns
    from staging.clock_offsets
),

deletions as (
    select
        pods.pod_uid,
        min(api_writes.happened_lo_ns) as asked_lo_ns,
        min(api_writes.happened_hi_ns) as asked_hi_ns
    from pods
    inner join staging.api_writes
        on
            pods.namespace = api_writes.namespace
            and pods.pod_name = api_writes.name
            and api_writes.is_pod_removal
            and api_writes.happened_hi_ns >= pods.deleted_ns - 2000000000
            and api_writes.happened_lo_ns <= pods.deleted_ns + 3000000000
    group by pods.pod_uid
),

dated as (
    select
        pods.*,
        states.exit_code,
        states.exit_reason,
        kills.killing_reference,
        least(withdrawals.withdrawn_lo_ns, departures.withdrawn_lo_ns) as withdrawn_lo_ns,
        least(withdrawals.withdrawn_hi_ns, departures.withdrawn_hi_ns) as withdrawn_hi_ns,
        failed_hooks.pod_uid is not null as has_failed_prestop,
        failed_hooks.failed_lo_ns,
        failed_hooks.failed_hi_ns,
        coalesce(pods.delete_grace_s, pods.grace_period_s) as grace_s,
        pods.created_ns - clocks.api_hi_ns as created_lo_ns,
        states.started_ns - clocks.node_hi_ns as started_lo_ns,
        least(states.started_ns + 1000000000 - clocks.node_lo_ns, states.started_seen_ns) as started_hi_ns,
        pods.ready_ns - clocks.node_hi_ns as ready_lo_ns,
        least(pods.ready_ns + 1000000000 - clocks.node_lo_ns, pods.ready_seen_ns) as ready_hi_ns,
        coalesce(deletions.asked_lo_ns, pods.deleted_ns - clocks.api_hi_ns) as deleted_lo_ns,
        least(
            pods.deleted_ns + 1000000000 - clocks.api_lo_ns,
            pods.deleting_seen_ns,
            deletions.asked_hi_ns,
            kills.killed_hi_ns
        ) as deleted_hi_ns,
        kills.killed_lo_ns as killing_lo_ns,
        kills.killed_hi_ns as killing_hi_ns,
        states.exited_ns - clocks.node_hi_ns as exit_lo_ns,
        least(
            states.exited_ns + 1000000000 - clocks.node_lo_ns, exits_seen.exited_seen_ns, pods.gone_seen_ns
        ) as exit_hi_ns
    from pods
    cross join clocks
    left outer join states on pods.pod_uid = states.pod_uid
    left outer join exits_seen on pods.pod_uid = exits_seen.pod_uid
    left outer join kills on pods.pod_uid = kills.pod_uid
    left outer join failed_hooks on pods.pod_uid = failed_hooks.pod_uid
    left outer join withdrawals on pods.pod_uid = withdrawals.pod_uid
    left outer join departures on pods.pod_uid = departures.pod_uid
    left outer join deletions on pods.pod_uid = deletions.pod_uid
),

killed as (
    select
        dated.*,
        -- Without a Killing event: not before the deletion, and within the second that kubelets take at most when idle.
        case when dated.deleted_ns is not null then coalesce(dated.killing_lo_ns, dated.deleted_lo_ns) end
            as killed_lo_ns,
        case
            when dated.deleted_ns is not null
                then greatest(
                    coalesce(dated.killing_hi_ns, least(dated.deleted_hi_ns + 1000000000, dated.exit_hi_ns)),
                    dated.killing_lo_ns
                )
        end as killed_hi_ns,
        case
            when not dated.has_prestop or dated.has_failed_prestop then 0
            -- `least` would take the grace period for a hook that does not say how long it takes.
            when dated.prestop_s is not null then least(dated.prestop_s, dated.grace_s)
        end as hook_s
    from dated
)

select
    killed.pod_uid,
    killed.pod_name,
    killed.namespace,
    case
        when killed.owner_kind = 'ReplicaSet' and killed.template_hash is not null
            then 'Deployment/' || regexp_replace(killed.owner_name, '-[a-z0-9]+$', '')
        else coalesce(killed.owner_kind || '/' || killed.owner_name, 'Pod/' || killed.pod_name)
    end as workload,
    killed.template_hash,
    killed.pod_ip,
    killed.node_name,
    killed.has_readiness,
    killed.has_prestop,
    case when killed.has_prestop then killed.prestop_s else 0 end as prestop_s,
    killed.grace_s,
    killed.created_lo_ns::bigint as created_lo_ns,
    least(killed.addressed_ns, killed.started_lo_ns, killed.ready_lo_ns)::bigint as addressed_lo_ns,
    killed.started_lo_ns::bigint as started_lo_ns,
    killed.started_hi_ns::bigint as started_hi_ns,
    killed.ready_lo_ns::bigint as ready_lo_ns,
    killed.ready_hi_ns::bigint as ready_hi_ns,
    killed.deleted_lo_ns::bigint as deleted_lo_ns,
    killed.deleted_hi_ns::bigint as deleted_hi_ns,
    killed.killed_lo_ns::bigint as killed_lo_ns,
    killed.killed_hi_ns::bigint as killed_hi_ns,
    greatest(
        killed.killed_lo_ns + (coalesce(killed.hook_s, 0) * 1000000000)::bigint, killed.failed_lo_ns
    )::bigint as signalled_lo_ns,
    case
        -- SIGTERM follows the hook's failure at once.
        when killed.has_failed_prestop then greatest(killed.killed_hi_ns, killed.failed_hi_ns)
        when killed.hook_s is null
            then coalesce(killed.exit_hi_ns, killed.killed_hi_ns + killed.grace_s * 1000000000)
        else killed.killed_hi_ns + (killed.hook_s * 1000000000)::bigint
    end::bigint as signalled_hi_ns,
    killed.withdrawn_lo_ns::bigint as withdrawn_lo_ns,
    killed.withdrawn_hi_ns::bigint as withdrawn_hi_ns,
    -- A container may end while its hook still runs.
    least(
        greatest(killed.exit_lo_ns, killed.killed_lo_ns + (coalesce(killed.hook_s, 0) * 1000000000)::bigint),
        greatest(killed.exit_hi_ns, killed.exit_lo_ns)
    )::bigint as exited_lo_ns,
    greatest(killed.exit_hi_ns, killed.exit_lo_ns)::bigint as exited_hi_ns,
    killed.gone_seen_ns::bigint as gone_hi_ns,
    killed.exit_code,
    killed.exit_reason,
    killed.has_failed_prestop,
    killed.disruption,
    killed.reference,
    killed.killing_reference,
    killed.deleting_seen_ns::bigint as deletion_seen_ns,
    killed.is_prestop_sleep,
    killed.is_prestop_stop,
    killed.prestop_s as configured_prestop_s,
    killed.ended_reason,
    killed.labels
from killed
