-- What is known of the last new connection to each pod that was ended, on each path that was in use. Seconds count from
-- the kubelet's start of the kill, from which preStop counts too; `hi` is the latest that the clocks allow.
--
-- A block is a rollout of the workload (those that overlap are one); what ended otherwise is a block until nothing ended
-- for a minute. Pods of one block share their delays: the block is the unit that counts.
--
-- Kind:     table
-- Grain:    one row per ended pod and path in use
-- Reads:    timeline.pod_lifecycles, timeline.pod_tries, timeline.rollouts, timeline.config_changes,
--           staging.gaps, staging.source_clocks, staging.request_spans, staging.proxy_spans,
--           staging.proxy_requests
-- Needs:    timeline.pod_lifecycles
--
-- Columns:
--   namespace             VARCHAR  Namespace.
--   workload              VARCHAR  `kind/name`.
--   block_at_ns           BIGINT   Which block: when it began, reference clock.
--   pod_uid               VARCHAR  The pod.
--   pod_name              VARCHAR  Its name.
--   path                  VARCHAR  As in timeline.pod_tries.
--   path_kind             VARCHAR  proxy or service.
--   proxy                 VARCHAR  Kind of proxy; kube-proxy for the Service.
--   killed_lo_ns          BIGINT   Kubelet starts the kill, earliest, reference clock.
--   killed_width_s        DOUBLE   How far apart the earliest and the latest are, s.
--   prestop_s             DOUBLE   What preStop slept; null when it does not say.
--   grace_s               BIGINT   Grace period that counted.
--   signalled_lo_s        DOUBLE   SIGTERM, earliest, s after the kill.
--   signalled_hi_s        DOUBLE   SIGTERM, latest.
--   exited_hi_s           DOUBLE   Last container's exit, latest; null when not seen.
--   route_count           BIGINT   Tries for which the path chose this pod after the kill began.
--   refused_count         BIGINT   Of these, how many nobody took.
--   pinned_count          BIGINT   Requests after the kill that may have gone on over an older connection.
--   last_lo_s             DOUBLE   Last choice that was surely of this pod (L), earliest, s after the kill; null without one.
--   last_hi_s             DOUBLE   Last choice that may have been of this pod, latest; null without one.
--   is_last_failed        BOOLEAN  The pod did not answer that one.
--   arrival_count         BIGINT   Choices of this pod from which is known how often they came, rounded down.
--   arrival_window_s      DOUBLE   From the first to the last of them, s.
--   longest_gap_s         DOUBLE   Longest time between two of them, s; null with fewer than two.
--   settled_s             DOUBLE   The path had taken the removal into use by then, by its own log; null when it does not tell.
--   observed_s            DOUBLE   Requests were sent until then.
--   cut_count             BIGINT   Requests that the pod broke off after SIGTERM.
--   finished_count        BIGINT   Requests that it surely finished after SIGTERM.
--   served_count          BIGINT   Requests that it surely took after SIGTERM, and answered.
--   drain_s               DOUBLE   From SIGTERM to the end of the last request that ran then, latest; null when none ran.
--   removal_s             DOUBLE   Endpoint taken out of its slice (E), latest, s after the kill; null when not seen.
--   has_gap               BOOLEAN  Something that was to be recorded was not listened to while it ended.
with ended as (
    select
        pod_lifecycles.*,
        rollouts.started_lo_ns as rollout_ns,
        coalesce(rollouts.ended_hi_ns, 9223372036854775807) as rollout_ended_ns
    from timeline.pod_lifecycles
    asof left outer join timeline.rollouts
        on
            pod_lifecycles.namespace = rollouts.namespace
            and pod_lifecycles.workload = rollouts.workload
            and pod_lifecycles.killed_hi_ns >= rollouts.started_lo_ns
    where pod_lifecycles.killed_lo_ns is not null
),

-- A pod that ended after its rollout had ended was ended by something else.
causes_of_end as (
    select
        ended.* exclude (rollout_ns, rollout_ended_ns, started_lo_ns),
        if(ended.killed_lo_ns <= ended.rollout_ended_ns, ended.rollout_ns, null) as rollout_ns,
        if(
            ended.rollout_ns is not null and ended.killed_lo_ns <= ended.rollout_ended_ns,
            ended.rollout_ended_ns,
            ended.killed_hi_ns + 60000000000
        ) as until_ns
    from ended
),

chained as (
    select
        causes_of_end.*,
        coalesce(causes_of_end.rollout_ns, causes_of_end.killed_lo_ns) as from_ns,
        max(causes_of_end.until_ns) over (
            partition by causes_of_end.namespace, causes_of_end.workload
            order by
                coalesce(causes_of_end.rollout_ns, causes_of_end.killed_lo_ns),
                causes_of_end.killed_lo_ns,
                causes_of_end.pod_uid
            rows between unbounded preceding and 1 preceding
        ) as before_until_ns,
        lag(causes_of_end.rollout_ns) over (
            partition by causes_of_end.namespace, causes_of_end.workload
            order by
                coalesce(causes_of_end.rollout_ns, causes_of_end.killed_lo_ns),
                causes_of_end.killed_lo_ns,
                causes_of_end.pod_uid
        ) as before_rollout_ns
    from causes_of_end
),

pods as (
    select
        chained.*,
        max(case
            when
                chained.before_until_ns is null
                or (
                    chained.before_until_ns < chained.from_ns
                    and coalesce(chained.before_rollout_ns <> chained.rollout_ns, true)
                )
                then chained.from_ns
        end) over (
            partition by chained.namespace, chained.workload
            order by chained.from_ns, chained.killed_lo_ns, chained.pod_uid
        ) as block_at_ns
    from chained
),

clients as (
    select
        coalesce(sum(request_spans.request_count), 0) as request_count,
        coalesce(max(request_spans.last_hi_ns), 0) as last_hi_ns
    from staging.request_spans
),

proxies as (
    select count(*) as line_count from staging.proxy_requests
),

paths as (
    select distinct
        pods.namespace,
        pods.workload,
        pod_tries.path,
        pod_tries.path_kind,
        pod_tries.proxy,
        proxy_spans.last_hi_ns
    from timeline.pod_tries
    inner join pods on pod_tries.pod_uid = pods.pod_uid
    inner join staging.source_clocks on pod_tries.path = source_clocks.source
    inner join staging.proxy_spans on source_clocks.source_id = proxy_spans.source_id
    where pod_tries.path_kind = 'proxy'
    union all
    -- Clients whose requests are not in a proxy's log connected to the Service themselves.
    select distinct
        pods.namespace,
        pods.workload,
        'service' as path,
        'service' as path_kind,
        'kube-proxy' as proxy,
        clients.last_hi_ns
    from pods
    cross join clients
    cross join proxies
    where proxies.line_count * 2 < clients.request_count
),

gaps as (
    select
        pod_tries.*,
        pod_tries.started_lo_ns - lag(pod_tries.started_lo_ns) over (
            partition by pod_tries.pod_uid, pod_tries.path, pod_tries.is_new_connection
            order by pod_tries.started_lo_ns
        ) as gap_ns
    from timeline.pod_tries
),

tried as (
    select
        pods.pod_uid,
        gaps.path,
        count(*) filter (where gaps.is_new_connection and gaps.started_lo_ns >= pods.killed_hi_ns)
            as route_count,
        count(*) filter (where gaps.is_refused and gaps.started_lo_ns >= pods.killed_hi_ns) as refused_count,
        count(*) filter (where gaps.is_new_connection is null and gaps.started_lo_ns >= pods.killed_hi_ns)
            as pinned_count,
        max(gaps.started_lo_ns) filter (where gaps.is_new_connection and gaps.pod_share_ratio = 1)
            as last_lo_ns,
        max(gaps.started_hi_ns) filter (where gaps.is_new_connection) as last_hi_ns,
        coalesce(
            not max_by(gaps.is_answered, (gaps.started_lo_ns, not gaps.is_answered))
            filter (where gaps.is_new_connection),
            false
        ) as is_last_failed,
        floor(sum(gaps.pod_share_ratio) filter (where gaps.is_new_connection))::bigint as arrival_count,
        (
            max(gaps.started_lo_ns) filter (where gaps.is_new_connection)
            - min(gaps.started_lo_ns) filter (where gaps.is_new_connection)
        )
        / 1e9 as arrival_window_s,
        max(gaps.gap_ns) filter (where gaps.is_new_connection) / 1e9 as longest_gap_s,
        count(*) filter (
            where
            not gaps.is_answered and not gaps.is_refused and gaps.ended_hi_ns >= pods.signalled_lo_ns
            and gaps.started_lo_ns <= coalesce(pods.exited_hi_ns, gaps.started_lo_ns)
            -- What breaks off when the grace period is over, SIGKILL broke off.
            and gaps.ended_lo_ns < pods.killed_hi_ns + (pods.grace_s - 1) * 1000000000
        ) as cut_count,
        count(*) filter (where gaps.is_answered and gaps.ended_lo_ns > pods.signalled_hi_ns)
            as finished_count,
        count(*) filter (where gaps.is_answered and gaps.started_lo_ns > pods.signalled_hi_ns)
            as served_count,
        max(gaps.ended_hi_ns - pods.signalled_lo_ns) filter (
            where
            gaps.started_lo_ns <= pods.signalled_hi_ns and gaps.ended_hi_ns >= pods.signalled_lo_ns
            and not gaps.is_refused
        ) / 1e9 as drain_s
    from gaps
    inner join pods on gaps.pod_uid = pods.pod_uid
    group by pods.pod_uid, gaps.path
),

changes as (
    select
        config_changes.proxy = 'kube-proxy' as is_service,
        regexp_replace(config_changes.reference, ':\d+$', '') as source,
        config_changes.began_lo_ns,
        config_changes.done_hi_ns
    from timeline.config_changes
    where config_changes.done_hi_ns is not null and not config_changes.is_failed
),

change_sources as (
    select
        changes.is_service,
        count(distinct changes.source) as source_count
    from changes
    group by changes.is_service
),

-- The first change that began after the endpoint was taken out has the removal in it.
settled_by_source as (
    select
        pods.pod_uid,
        changes.is_service,
        changes.source,
        min(changes.done_hi_ns) as done_hi_ns
    from pods
    inner join changes
        on
            pods.withdrawn_hi_ns <= changes.began_lo_ns
            and pods.withdrawn_hi_ns + 120000000000 >= changes.began_lo_ns
    group by pods.pod_uid, changes.is_service, changes.source
),

path_counts as (
    select
        paths.namespace,
        paths.workload,
        count(*) filter (where paths.path_kind = 'proxy') as proxy_path_count
    from paths
    group by paths.namespace, paths.workload
),

settled as (
    select
        pods.pod_uid,
        paths.path,
        -- Where a controller's log and an access log cannot be paired, the slowest controller counts; with fewer
        -- controllers' logs than access logs none does.
        coalesce(
            max(settled_by_source.done_hi_ns) filter (where settled_by_source.source = paths.path),
            case
                when
                    count(distinct settled_by_source.source) = any_value(change_sources.source_count)
                    and (
                        paths.path_kind = 'service'
                        or any_value(change_sources.source_count) >= any_value(path_counts.proxy_path_count)
                    )
                    then max(settled_by_source.done_hi_ns)
            end
        ) as done_hi_ns
    from pods
    inner join paths on pods.namespace = paths.namespace and pods.workload = paths.workload
    inner join path_counts on pods.namespace = path_counts.namespace and pods.workload = path_counts.workload
    inner join settled_by_source
        on
            pods.pod_uid = settled_by_source.pod_uid
            and settled_by_source.is_service = (paths.path_kind = 'service')
    inner join change_sources on settled_by_source.is_service = change_sources.is_service
    group by pods.pod_uid, paths.path, paths.path_kind
)

select
    pods.namespace,
    pods.workload,
    pods.block_at_ns,
    pods.pod_uid,
    pods.pod_name,
    paths.path,
    paths.path_kind,
    paths.proxy,
    pods.killed_lo_ns,
    (pods.killed_hi_ns - pods.killed_lo_ns) / 1e9 as killed_width_s,
    pods.prestop_s,
    pods.grace_s,
    (pods.signalled_lo_ns - pods.killed_hi_ns) / 1e9 as signalled_lo_s,
    (pods.signalled_hi_ns - pods.killed_lo_ns) / 1e9 as signalled_hi_s,
    (pods.exited_hi_ns - pods.killed_lo_ns) / 1e9 as exited_hi_s,
    coalesce(tried.route_count, 0) as route_count,
    coalesce(tried.refused_count, 0) as refused_count,
    coalesce(tried.pinned_count, 0) as pinned_count,
    (tried.last_lo_ns - pods.killed_hi_ns) / 1e9 as last_lo_s,
    (tried.last_hi_ns - pods.killed_lo_ns) / 1e9 as last_hi_s,
    coalesce(tried.is_last_failed, false) as is_last_failed,
    coalesce(tried.arrival_count, 0) as arrival_count,
    tried.arrival_window_s,
    tried.longest_gap_s,
    (settled.done_hi_ns - pods.killed_lo_ns) / 1e9 as settled_s,
    (paths.last_hi_ns - pods.killed_lo_ns) / 1e9 as observed_s,
    coalesce(tried.cut_count, 0) as cut_count,
    coalesce(tried.finished_count, 0) as finished_count,
    coalesce(tried.served_count, 0) as served_count,
    tried.drain_s,
    (pods.withdrawn_hi_ns - pods.killed_lo_ns) / 1e9 as removal_s,
    exists(
        select 1 from staging.gaps
        where
            gaps.from_ns <= coalesce(pods.gone_hi_ns, pods.exited_hi_ns, pods.signalled_hi_ns)
            and coalesce(gaps.until_ns >= pods.deleted_lo_ns, true)
    ) as has_gap
from pods
inner join paths on pods.namespace = paths.namespace and pods.workload = paths.workload
left outer join tried on pods.pod_uid = tried.pod_uid and paths.path = tried.path
left outer join settled on pods.pod_uid = settled.pod_uid and paths.path = settled.path
