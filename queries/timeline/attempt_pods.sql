-- Each failed attempt with the pod that it went to, or, where nobody logged an address, with each pod that was ending,
-- starting or crashing at that time and so may have been the one; in which phase of that pod's life the attempt met its
-- symptom, and why a pod that was being ended was still sent requests.
--
-- Kind:     table
-- Grain:    one row per failed attempt and pod that it may have gone to
-- Reads:    timeline.attempts, timeline.attempt_links, timeline.pod_lifecycles, timeline.pod_triggers,
--           timeline.pod_services, timeline.container_exits, timeline.node_outages, timeline.config_changes
-- Needs:    timeline.attempt_links
-- Params:
--   control_plane_lag_ms  BIGINT  1500  An endpoint that is withdrawn later than this after the deletion was seen is late.
--   sigterm_lag_ms  BIGINT  38  From the kubelet's Killing event to SIGTERM in the container, in the lab's middle.
--   route_decay_ms  BIGINT  600  How fast the chance fades that a path still leads to a withdrawn endpoint (1/e).
--   pinned_after_ms  BIGINT  3000  No new connection reaches an endpoint for longer than this after its withdrawal.
--   stale_upstream_s  BIGINT  15  A proxy that sends requests to an endpoint for longer after its withdrawal is stale.
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
--   is_reused          BOOLEAN  As in timeline.attempts.
--   node_name          VARCHAR  The pod's node.
--   withdrawn_lo_ns    BIGINT   E, earliest; null when not seen.
--   withdrawn_hi_ns    BIGINT   E, latest.
--   phase              VARCHAR  Where in the pod's life the attempt met its symptom: W starting, N serving and never deleted,
--                               A before the deletion, B deleted, P in preStop, T after SIGTERM, Q its port closed, R exited,
--                               Z removed.
--   possible_phases    VARCHAR[]  All phases that the clocks allow; one when it is certain.
--   is_stopped_by_hook BOOLEAN  preStop itself had stopped the application.
--   is_node_lost       BOOLEAN  Its node was not heard of at that time.
--   is_not_ready_served BOOLEAN  All its Services serve pods that are not ready.
--   is_pinned          BOOLEAN  No proxy chose the pod, and the request began when no path led to it: its connection was old.
--   routed_ratio       DOUBLE   Chance that a path still led to the pod, by the time since its endpoint was withdrawn, 0 to 1:
--                               for pods found by time alone.
--   refused_ratio      DOUBLE   Chance that it had closed its port when the try began, by the time since SIGTERM, 0 to 1; null
--                               while it lives.
--   late_because       VARCHAR  Why a pod that had got SIGTERM was sent requests: propagation, node_lost, not_ready_served,
--                               prestop_failed, stale, sticky, control_plane; null where it had not got it.
with crashes as (
    select
        container_exits.pod_uid,
        min(container_exits.began_lo_ns) as crashed_lo_ns
    from timeline.container_exits
    group by container_exits.pod_uid
),

published as (
    select
        pod_services.pod_uid,
        bool_and(pod_services.is_not_ready_served) as is_not_ready_served,
        bool_or(pod_services.is_sticky) as is_sticky
    from timeline.pod_services
    group by pod_services.pod_uid
),

lifecycles as (
    select
        pod_lifecycles.*,
        pod_triggers.pod_trigger,
        coalesce(
            pod_lifecycles.exit_code = 137 and coalesce(pod_lifecycles.exit_reason <> 'OOMKilled', true)
            and pod_lifecycles.exited_hi_ns - pod_lifecycles.killed_lo_ns
            >= (pod_lifecycles.grace_s - 1) * 1000000000,
            false
        ) as is_sigkilled,
        crashes.crashed_lo_ns,
        coalesce(published.is_not_ready_served, false) as is_not_ready_served,
        coalesce(published.is_sticky, false) as is_sticky,
        -- The same watch saw both, so that its own delay falls out.
        coalesce(
            pod_lifecycles.withdrawn_lo_ns - pod_lifecycles.deletion_seen_ns
            > 1000000 * getvariable('control_plane_lag_ms'),
            false
        ) as is_withdrawn_late
    from timeline.pod_lifecycles
    left outer join timeline.pod_triggers on pod_lifecycles.pod_uid = pod_triggers.pod_uid
    left outer join crashes on pod_lifecycles.pod_uid = crashes.pod_uid
    left outer join published on pod_lifecycles.pod_uid = published.pod_uid
),

proxy_changes as (
    select
        config_changes.began_lo_ns,
        bool_and(config_changes.is_failed) as is_failed
    from timeline.config_changes
    where config_changes.proxy <> 'kube-proxy'
    group by config_changes.began_lo_ns
),

-- Of tries with an address only: nothing else asks for it, and most logs have none.
last_changes as (
    select
        attempts.request_id,
        attempts.attempt,
        proxy_changes.is_failed,
        proxy_changes.began_lo_ns
    from timeline.attempts
    asof inner join proxy_changes on attempts.started_lo_ns >= proxy_changes.began_lo_ns
    where attempts.upstream_ip is not null
),

dated as (
    select
        attempt_links.request_id,
        attempt_links.attempt,
        attempt_links.linked_by,
        attempts.is_near_miss,
        attempts.matched_by,
        attempts.symptom,
        attempts.evidence,
        attempts.status,
        coalesce(attempts.error_reference, attempts.proxy_reference) as attempt_reference,
        attempts.is_ejection,
        attempts.is_reused,
        attempts.started_lo_ns as try_lo_ns,
        attempts.started_hi_ns as try_hi_ns,
        attempts.ended_lo_ns,
        attempts.ended_hi_ns,
        -- Silence begins with the try, every other symptom ends it.
        case
            when attempts.symptom in ('unreachable', 'timeout', 'client_closed', 'read_timeout')
                then attempts.started_lo_ns
            else attempts.ended_lo_ns
        end as at_lo_ns,
        case
            when attempts.symptom in ('unreachable', 'timeout', 'client_closed', 'read_timeout')
                then attempts.started_hi_ns
            else attempts.ended_hi_ns
        end as at_hi_ns,
        lifecycles.*,
        last_changes.is_failed as has_failed_change,
        last_changes.began_lo_ns as changed_lo_ns
    from timeline.attempt_links
    inner join timeline.attempts
        on
            attempt_links.request_id = attempts.request_id
            and attempt_links.attempt = attempts.attempt
    inner join lifecycles on attempt_links.pod_uid = lifecycles.pod_uid
    left outer join last_changes
        on
            attempt_links.request_id = last_changes.request_id
            and attempt_links.attempt = last_changes.attempt
),

placed as (
    select
        dated.*,
        (
            coalesce(dated.crashed_lo_ns <= dated.ended_hi_ns, false)
        ) as has_crashed,
        coalesce(
            dated.at_lo_ns <= dated.ready_hi_ns,
            dated.ready_lo_ns is null and dated.started_lo_ns is not null
        )
        or coalesce(
            not dated.has_readiness
            and dated.at_lo_ns <= dated.started_hi_ns + 1000000000 * getvariable('warm_up_s'),
            false
        ) as is_starting,
        case when dated.symptom = 'refused' then 'Q' else 'T' end as after_sigterm,
        (dated.at_lo_ns // 2 + dated.at_hi_ns // 2) as at_ns
    from dated
),

phased as (
    select
        placed.*,
        case
            when
                placed.deleted_lo_ns is null
                or placed.at_ns < placed.deleted_lo_ns // 2 + placed.deleted_hi_ns // 2
                then case
                    when placed.is_starting then 'W'
                    when placed.deleted_lo_ns is null then 'N'
                    else 'A'
                end
            when placed.at_ns < placed.killed_lo_ns // 2 + placed.killed_hi_ns // 2 then 'B'
            when
                placed.has_prestop
                and placed.at_ns < placed.signalled_lo_ns // 2 + placed.signalled_hi_ns // 2
                then 'P'
            when
                coalesce(placed.at_ns < placed.exited_lo_ns // 2 + placed.exited_hi_ns // 2, true)
                then placed.after_sigterm
            when coalesce(placed.at_ns < placed.gone_hi_ns, true) then 'R'
            else 'Z'
        end as phase,
        list_filter(
            [
                case when placed.is_starting then 'W' end,
                case when placed.deleted_lo_ns is null and not placed.is_starting then 'N' end,
                case when placed.at_lo_ns <= placed.deleted_hi_ns and not placed.is_starting then 'A' end,
                case
                    when placed.at_hi_ns >= placed.deleted_lo_ns and placed.at_lo_ns <= placed.killed_hi_ns
                        then 'B'
                end,
                case
                    when
                        placed.has_prestop
                        and placed.at_hi_ns >= placed.killed_lo_ns
                        and placed.at_lo_ns <= placed.signalled_hi_ns
                        then 'P'
                end,
                case
                    when
                        placed.at_hi_ns >= placed.signalled_lo_ns
                        and coalesce(placed.at_lo_ns <= placed.exited_hi_ns, true)
                        then placed.after_sigterm
                end,
                case
                    when
                        placed.at_hi_ns >= placed.exited_lo_ns
                        and coalesce(placed.at_lo_ns <= placed.gone_hi_ns, true)
                        then 'R'
                end,
                case when placed.at_hi_ns >= placed.gone_hi_ns then 'Z' end
            ], lambda phase: phase is not null
        ) as possible_phases,
        (
            coalesce(
                placed.symptom in ('refused', 'reset', 'truncated'),
                placed.linked_by = 'time' and placed.status in (502, 503),
                false
            )
            and placed.ended_hi_ns >= placed.killed_lo_ns
            and placed.has_prestop
            and not placed.has_failed_prestop
            and (
                -- Its words say so, and it had not ended yet, or nothing says when it does.
                (
                    placed.is_prestop_stop
                    and (placed.configured_prestop_s is null or placed.ended_lo_ns <= placed.signalled_hi_ns)
                )
                -- It does more than sleep, and it was still at it.
                or (
                    not placed.is_prestop_sleep
                    and placed.configured_prestop_s is not null
                    and placed.ended_lo_ns >= placed.killed_hi_ns
                    and placed.ended_hi_ns < placed.signalled_lo_ns
                )
            )
        ) as is_stopped_by_hook,
        exists(
            select 1 from timeline.node_outages
            where
                node_outages.node_name = placed.node_name
                and node_outages.from_lo_ns <= placed.at_hi_ns
                and coalesce(node_outages.until_hi_ns >= placed.try_lo_ns, true)
        ) as is_node_lost
    from placed
)

select
    phased.request_id,
    phased.attempt,
    phased.is_near_miss,
    phased.matched_by,
    phased.linked_by,
    phased.pod_uid,
    phased.symptom,
    phased.evidence,
    phased.status,
    phased.attempt_reference as reference,
    phased.is_ejection,
    phased.try_lo_ns as started_lo_ns,
    phased.try_hi_ns as started_hi_ns,
    phased.ended_lo_ns,
    phased.ended_hi_ns,
    phased.deleted_lo_ns is not null as is_deleted,
    phased.deleted_lo_ns,
    phased.deleted_hi_ns,
    phased.killed_lo_ns,
    phased.killed_hi_ns,
    phased.signalled_lo_ns,
    phased.signalled_hi_ns,
    phased.exited_lo_ns,
    phased.exited_hi_ns,
    phased.gone_hi_ns,
    phased.started_lo_ns as started_pod_lo_ns,
    phased.template_hash,
    phased.has_readiness,
    phased.has_prestop,
    phased.prestop_s,
    phased.grace_s,
    phased.is_sigkilled,
    phased.has_crashed,
    exists(
        select 1 from timeline.container_exits
        where
            container_exits.pod_uid = phased.pod_uid
            and container_exits.began_lo_ns <= phased.ended_hi_ns
            and coalesce(container_exits.restarted_hi_ns >= phased.try_lo_ns, true)
    ) as is_down,
    coalesce(phased.killing_reference, phased.reference) as pod_reference,
    phased.pod_trigger,
    phased.is_reused,
    phased.node_name,
    phased.withdrawn_lo_ns,
    phased.withdrawn_hi_ns,
    phased.phase,
    phased.possible_phases,
    phased.is_stopped_by_hook,
    phased.is_node_lost,
    phased.is_not_ready_served,
    coalesce(
        phased.attempt_reference is null
        and phased.symptom in ('reset', 'truncated')
        and not phased.is_sigkilled
        and phased.try_lo_ns > phased.withdrawn_hi_ns + 1000000 * getvariable('pinned_after_ms'),
        false
    ) as is_pinned,
    -- In the lab 332 ms are the middle, 464 ms nine of ten and 1 361 ms the longest of nginx, 1 322 ms of kube-proxy.
    exp(
        -greatest(
            0,
            coalesce(
                (phased.try_lo_ns - coalesce(phased.withdrawn_hi_ns, phased.deleted_hi_ns)) / 1e6, 0
            )
        )
        / getvariable('route_decay_ms')
    ) as routed_ratio,
    1 / (1 + exp(least(500, greatest(
        -500,
        (
            getvariable('sigterm_lag_ms')
            - middle_ms(
                phased.signalled_lo_ns, phased.signalled_hi_ns, phased.try_lo_ns, phased.try_hi_ns
            )
        ) / 6
    )))) as refused_ratio,
    case
        when phased.deleted_lo_ns is null or phased.ended_hi_ns < phased.signalled_lo_ns then null
        when phased.is_node_lost then 'node_lost'
        when phased.is_not_ready_served then 'not_ready_served'
        when
            phased.has_failed_prestop
            and coalesce(
                phased.try_lo_ns <= phased.killed_hi_ns + 1000000000 * phased.configured_prestop_s
                and phased.signalled_lo_ns < phased.killed_lo_ns + 1000000000 * phased.configured_prestop_s,
                true
            )
            then 'prestop_failed'
        when
            phased.linked_by = 'address'
            and phased.withdrawn_hi_ns is not null
            and (
                phased.try_lo_ns > phased.withdrawn_hi_ns + 1000000000 * getvariable('stale_upstream_s')
                -- A proxy that failed to take the last change into use goes on with what it had.
                or (phased.has_failed_change and phased.changed_lo_ns > phased.withdrawn_lo_ns)
            )
            then if(phased.is_sticky, 'sticky', 'stale')
        when phased.is_withdrawn_late and phased.try_lo_ns <= phased.withdrawn_hi_ns then 'control_plane'
        else 'propagation'
    end as late_because
from phased
