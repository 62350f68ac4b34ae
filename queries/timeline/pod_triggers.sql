-- Why each pod went away: the trigger beside the mechanism.
--
-- Kind:     table
-- Grain:    one row per pod that was deleted
-- Reads:    timeline.pod_lifecycles, timeline.rollouts, staging.cluster_events, staging.api_writes,
--           staging.node_signs, staging.marks
-- Needs:    timeline.pod_lifecycles
-- Params:
--   scaled_by_s  BIGINT  5  An autoscaler decides at most this long before its pods are deleted.
--   mark_s       BIGINT  5  What a mark names as deleted is deleted within this.
--
-- Columns:
--   pod_uid            VARCHAR  UID of the pod.
--   pod_trigger        VARCHAR  rollout, scale_in, autoscaling, deletion, eviction, drain, preemption, taint,
--                               node_pressure, node_shutdown, pod_gc, chaos.
--   trigger_reference  VARCHAR  What says so: `source:line`; null when it follows from the pods themselves.
with deleted_pods as (
    select
        pod_lifecycles.*,
        exists(
            select 1 from timeline.rollouts
            where
                rollouts.workload = pod_lifecycles.workload
                and rollouts.namespace = pod_lifecycles.namespace
                and rollouts.template_hash <> pod_lifecycles.template_hash
                and (
                    rollouts.started_lo_ns <= pod_lifecycles.deleted_hi_ns
                    -- All at once, just before.
                    or rollouts.recreated_lo_ns <= pod_lifecycles.deleted_hi_ns + 1000000000
                )
                and coalesce(rollouts.ended_hi_ns, pod_lifecycles.deleted_lo_ns)
                >= pod_lifecycles.deleted_lo_ns
        ) as is_in_rollout
    from timeline.pod_lifecycles
    where pod_lifecycles.deleted_lo_ns is not null
),

scaled as (
    select
        cluster_events.namespace,
        regexp_extract(cluster_events.message, 'Deleted pod: (\S+)', 1) as pod_name,
        min(cluster_events.reference) as reference
    from staging.cluster_events
    where cluster_events.reason = 'SuccessfulDelete'
    group by all
),

reports as (
    select distinct scaled.namespace from scaled
),

autoscaled as (
    select
        cluster_events.namespace,
        cluster_events.about_name,
        cluster_events.happened_lo_ns as decided_ns,
        cluster_events.reference
    from staging.cluster_events
    where cluster_events.reason = 'SuccessfulRescale'
),

cordoned as (
    select
        node_signs.node_name,
        min(node_signs.observed_hi_ns) as cordoned_hi_ns
    from staging.node_signs
    where node_signs.is_cordoned
    group by node_signs.node_name
),

asked as (
    select
        deleted_pods.pod_uid,
        min_by(api_writes.is_eviction, api_writes.happened_lo_ns) as is_eviction,
        min_by(api_writes.is_controller, api_writes.happened_lo_ns) as is_controller,
        min_by(api_writes.reference, api_writes.happened_lo_ns) as reference
    from deleted_pods
    inner join staging.api_writes
        on
            deleted_pods.namespace = api_writes.namespace
            and deleted_pods.pod_name = api_writes.name
            and api_writes.is_pod_removal
    group by deleted_pods.pod_uid
)

select
    deleted_pods.pod_uid,
    case
        when deleted_pods.disruption = 'PreemptionByScheduler' then 'preemption'
        when deleted_pods.disruption = 'DeletionByTaintManager' then 'taint'
        when deleted_pods.disruption = 'TerminationByKubelet' and deleted_pods.ended_reason = 'Evicted'
            then 'node_pressure'
        when deleted_pods.disruption = 'TerminationByKubelet' then 'node_shutdown'
        when deleted_pods.disruption = 'DeletionByPodGC' then 'pod_gc'
        when
            exists (
                select 1 from staging.marks
                where
                    starts_with(marks.label, 'chaos: ')
                    and contains(marks.label, deleted_pods.pod_name)
                    and marks.started_lo_ns <= deleted_pods.deleted_hi_ns
                    and marks.started_hi_ns
                    >= deleted_pods.deleted_lo_ns - 1000000000 * getvariable('mark_s')
            )
            then 'chaos'
        when
            (deleted_pods.disruption = 'EvictionByEvictionAPI' or asked.is_eviction)
            and cordoned.cordoned_hi_ns <= deleted_pods.deleted_hi_ns
            then 'drain'
        when deleted_pods.disruption = 'EvictionByEvictionAPI' or asked.is_eviction then 'eviction'
        when asked.is_controller is false then 'deletion'
        when scaled.pod_name is not null and deleted_pods.is_in_rollout then 'rollout'
        when
            (scaled.pod_name is not null or asked.is_controller)
            and not deleted_pods.is_in_rollout
            and exists (
                select 1 from autoscaled
                where
                    autoscaled.namespace = deleted_pods.namespace
                    and autoscaled.decided_ns <= deleted_pods.deleted_hi_ns
                    and autoscaled.decided_ns
                    >= deleted_pods.deleted_lo_ns - 1000000000 * getvariable('scaled_by_s')
            )
            then 'autoscaling'
        when scaled.pod_name is not null then 'scale_in'
        when asked.is_controller and deleted_pods.is_in_rollout then 'rollout'
        when asked.is_controller then 'scale_in'
        -- Controllers report each pod they delete: where such reports were recorded, silence means somebody else.
        when reports.namespace is not null then 'deletion'
        when deleted_pods.is_in_rollout then 'rollout'
        else 'deletion'
    end as pod_trigger,
    coalesce(asked.reference, scaled.reference) as trigger_reference
from deleted_pods
left outer join cordoned on deleted_pods.node_name = cordoned.node_name
left outer join reports on deleted_pods.namespace = reports.namespace
left outer join scaled
    on deleted_pods.namespace = scaled.namespace and deleted_pods.pod_name = scaled.pod_name
left outer join asked on deleted_pods.pod_uid = asked.pod_uid
