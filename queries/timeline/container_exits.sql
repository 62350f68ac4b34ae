-- Containers that ended although nobody deleted their pod: crashes, out of memory, failed liveness probes.
--
-- Kind:     table
-- Grain:    one row per exit of a container in a pod that was not being deleted
-- Reads:    staging.container_states, timeline.pod_lifecycles, staging.clock_offsets, staging.cluster_events
-- Needs:    staging.container_states, timeline.pod_lifecycles
--
-- Columns:
--   pod_uid          VARCHAR  UID of the pod.
--   container        VARCHAR  Name of the container.
--   exited_lo_ns     BIGINT   Exit, earliest, reference clock.
--   exited_hi_ns     BIGINT   Exit, latest.
--   restarted_hi_ns  BIGINT   Started anew, latest; null when it was not seen to.
--   exit_code        BIGINT   Exit code.
--   exit_reason      VARCHAR  Completed, Error, OOMKilled.
--   reference        VARCHAR  Version that told of it: `source:line`.
--   began_lo_ns      BIGINT   Its end began, earliest: the kubelet's kill after a failed probe, else the exit itself.
--   ended_by         VARCHAR  What ended it: crash (itself), oom (the kernel), liveness (its probe, also a startup probe).
with exits as (
    select
        container_states.pod_uid,
        container_states.container,
        container_states.exited_ns,
        any_value(container_states.exit_code) as exit_code,
        any_value(container_states.exit_reason) as exit_reason,
        min(container_states.observed_hi_ns) as seen_ns,
        min_by(container_states.reference, container_states.observed_hi_ns) as reference
    from staging.container_states
    where container_states.exited_ns is not null
    group by container_states.pod_uid, container_states.container, container_states.exited_ns
),

starts as (
    select distinct
        container_states.pod_uid,
        container_states.container,
        container_states.started_ns
    from staging.container_states
    where container_states.started_ns is not null
),

-- The kubelet says of a container whose probe failed: `Container app failed liveness probe, will be restarted`.
probe_kills as (
    select
        exits.pod_uid,
        exits.container,
        exits.exited_ns,
        max(cluster_events.happened_lo_ns) as killed_lo_ns
    from exits
    inner join staging.cluster_events
        on
            exits.pod_uid = cluster_events.about_uid
            and cluster_events.reason = 'Killing'
            and contains(cluster_events.message, 'Container ' || exits.container || ' failed ')
    cross join staging.clock_offsets
    where
        clock_offsets.clock = 'node'
        and regexp_matches(cluster_events.message, 'failed (?:liveness|startup) probe')
        and cluster_events.happened_lo_ns <= exits.exited_ns + 1000000000 - clock_offsets.offset_lo_ns
    group by exits.pod_uid, exits.container, exits.exited_ns
),

-- A kill ends one container's run, the next one that follows it.
probe_ends as (
    select probe_kills.*
    from probe_kills
    qualify row_number() over (
        partition by probe_kills.pod_uid, probe_kills.container, probe_kills.killed_lo_ns
        order by probe_kills.exited_ns
    ) = 1
)

select
    exits.pod_uid,
    exits.container,
    (exits.exited_ns - clock_offsets.offset_hi_ns)::bigint as exited_lo_ns,
    least(exits.exited_ns + 1000000000 - clock_offsets.offset_lo_ns, exits.seen_ns)::bigint as exited_hi_ns,
    (
        select min(starts.started_ns) + 1000000000 - clock_offsets.offset_lo_ns
        from starts
        where
            exits.pod_uid = starts.pod_uid
            and exits.container = starts.container
            and exits.exited_ns <= starts.started_ns
    )::bigint as restarted_hi_ns,
    exits.exit_code,
    exits.exit_reason,
    exits.reference,
    least(exits.exited_ns - clock_offsets.offset_hi_ns, probe_ends.killed_lo_ns)::bigint as began_lo_ns,
    case
        when exits.exit_reason = 'OOMKilled' then 'oom'
        when probe_ends.pod_uid is not null then 'liveness'
        else 'crash'
    end as ended_by
from exits
inner join timeline.pod_lifecycles on exits.pod_uid = pod_lifecycles.pod_uid
inner join staging.clock_offsets on clock_offsets.clock = 'node'
left outer join probe_ends
    on
        exits.pod_uid = probe_ends.pod_uid
        and exits.container = probe_ends.container
        and exits.exited_ns = probe_ends.exited_ns
where
    pod_lifecycles.deleted_lo_ns is null
    or exits.exited_ns + 1000000000 - clock_offsets.offset_lo_ns < pod_lifecycles.deleted_lo_ns
