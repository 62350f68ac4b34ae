-- Containers that ended although nobody deleted their pod: crashes, out of memory, failed liveness probes.
--
-- Kind:     table
-- Grain:    one row per exit of a container in a pod that was not being deleted
-- Reads:    staging.container_states, timeline.pod_lifecycles, staging.clock_offsets
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
    exits.reference
from exits
inner join timeline.pod_lifecycles on exits.pod_uid = pod_lifecycles.pod_uid
inner join staging.clock_offsets on clock_offsets.clock = 'node'
where
    pod_lifecycles.deleted_lo_ns is null
    or exits.exited_ns + 1000000000 - clock_offsets.offset_lo_ns < pod_lifecycles.deleted_lo_ns
