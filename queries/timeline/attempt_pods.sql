-- Each failed attempt with the pod that it went to, or, where nobody logged an address, with each pod that was ending,
-- starting or crashing at that time and so may have been the one.
--
-- Kind:     table
-- Grain:    one row per failed attempt and pod that it may have gone to
-- Reads:    timeline.attempts, timeline.pod_lifecycles, timeline.pod_triggers, timeline.container_exits
-- Params:
--   max_lag_s  BIGINT  120  A pod is not blamed for attempts later than this after it was gone, when its address is known.
--   max_lag_unaddressed_s  BIGINT  5  The same where no address was logged.
--   warm_up_s  BIGINT  120  A pod without readiness probe may refuse for so long after its start.
--
-- Columns:
--   request_id         VARCHAR  Key of timeline.attempts.
--   attempt            INTEGER  Number of the try.
--   is_near_miss       BOOLEAN  A later try healed the request.
--   matched_by         VARCHAR  How the proxy line was found; null without one.
--   linked_by          VARCHAR  How the pod was found: address, pod_name, time.
--   pod_uid            VARCHAR  The pod.
--   symptom            VARCHAR  As in timeline.attempts.
--   evidence           VARCHAR  What the symptom was read from.
--   status             INTEGER  Status of the attempt.
--   reference          VARCHAR  The line that tells of it: `source:line`; null when only the client's own does.
--   is_ejection        BOOLEAN  It stands for a peer's error.
--   started_lo_ns      BIGINT   Start of the try, earliest, reference clock.
--   started_hi_ns      BIGINT   Start of the try, latest.
--   ended_lo_ns        BIGINT   End of the try, earliest.
--   ended_hi_ns        BIGINT   End of the try, latest.
--   is_deleted         BOOLEAN  The pod was deleted at some time.
--   deleted_lo_ns      BIGINT   D, earliest; null while it lives.
--   deleted_hi_ns      BIGINT   D, latest.
--   killed_lo_ns       BIGINT   K, earliest.
--   killed_hi_ns       BIGINT   K, latest.
--   signalled_lo_ns    BIGINT   S, earliest.
--   signalled_hi_ns    BIGINT   S, latest.
--   exited_lo_ns       BIGINT   X, earliest.
--   exited_hi_ns       BIGINT   X, latest.
--   gone_hi_ns         BIGINT   Object removed, latest.
--   started_pod_lo_ns  BIGINT   First container start, earliest.
--   template_hash      VARCHAR  Version of the pod's template.
--   has_readiness      BOOLEAN  Whether it has a readiness or startup probe.
--   has_prestop        BOOLEAN  Whether it has a preStop hook.
--   prestop_s          DOUBLE   Length of preStop; null when unknown.
--   grace_s            BIGINT   Grace period.
--   is_sigkilled       BOOLEAN  It ended by SIGKILL when its grace period was over.
--   has_crashed        BOOLEAN  A container of it had ended before the attempt did, without a deletion.
--   is_down            BOOLEAN  Such a container was not yet started anew when the attempt was made.
--   pod_reference      VARCHAR  What tells of the pod's end: `source:line`.
--   pod_trigger        VARCHAR  Why it was deleted; null while it lives.
with lifecycles as (
    select
        pod_lifecycles.*,
        pod_triggers.pod_trigger,
        coalesce(
            pod_lifecycles.exit_code = 137 and coalesce(pod_lifecycles.exit_reason <> 'OOMKilled', true)
            and pod_lifecycles.exited_hi_ns - pod_lifecycles.killed_lo_ns
            >= (pod_lifecycles.grace_s - 1) * 1000000000,
            false
        ) as is_sigkilled,
        (
            select min(container_exits.exited_lo_ns)
            from timeline.container_exits
            where container_exits.pod_uid = pod_lifecycles.pod_uid
        ) as crashed_lo_ns
    from timeline.pod_lifecycles
    left outer join timeline.pod_triggers on pod_lifecycles.pod_uid = pod_triggers.pod_uid
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
),

links as (
    select * from by_address
    union all
    select * from by_name
    union all
    select * from by_time
)

select
    attempts.request_id,
    attempts.attempt,
    attempts.is_near_miss,
    attempts.matched_by,
    links.linked_by,
    lifecycles.pod_uid,
    attempts.symptom,
    attempts.evidence,
    attempts.status,
    coalesce(attempts.error_reference, attempts.proxy_reference) as reference,
    attempts.is_ejection,
    attempts.started_lo_ns,
    attempts.started_hi_ns,
    attempts.ended_lo_ns,
    attempts.ended_hi_ns,
    lifecycles.deleted_lo_ns is not null as is_deleted,
    lifecycles.deleted_lo_ns,
    lifecycles.deleted_hi_ns,
    lifecycles.killed_lo_ns,
    lifecycles.killed_hi_ns,
    lifecycles.signalled_lo_ns,
    lifecycles.signalled_hi_ns,
    lifecycles.exited_lo_ns,
    lifecycles.exited_hi_ns,
    lifecycles.gone_hi_ns,
    lifecycles.started_lo_ns as started_pod_lo_ns,
    lifecycles.template_hash,
    lifecycles.has_readiness,
    lifecycles.has_prestop,
    lifecycles.prestop_s,
    lifecycles.grace_s,
    lifecycles.is_sigkilled,
    coalesce(lifecycles.crashed_lo_ns <= attempts.ended_hi_ns, false) as has_crashed,
    exists(
        select 1 from timeline.container_exits
        where
            container_exits.pod_uid = links.pod_uid
            and container_exits.exited_lo_ns <= attempts.ended_hi_ns
            and coalesce(container_exits.restarted_hi_ns >= attempts.started_lo_ns, true)
    ) as is_down,
    coalesce(lifecycles.killing_reference, lifecycles.reference) as pod_reference,
    lifecycles.pod_trigger
from timeline.attempts
inner join links on attempts.request_id = links.request_id and attempts.attempt = links.attempt
inner join lifecycles on links.pod_uid = lifecycles.pod_uid
