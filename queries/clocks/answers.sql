-- What a pod's life and the proxy's log say of each other: a pod answers after its container started and before its
-- last container ended. Only addresses that belonged to one pod count, and the second-best pod of at least three: an
-- address may have been somebody else's before anyone recorded it.
--
-- Kind:     table
-- Grain:    one row per proxy's clock, other clock and rule
-- Reads:    clocks.stamps, recording.objects, recording.sources, recording.proxy_requests
-- Needs:    recording.objects, recording.proxy_requests
--
-- Columns:
--   clock           VARCHAR  The proxy's clock.
--   other           VARCHAR  The node's clock, or the recorder's.
--   lo_ns           BIGINT   `clock` minus `other` is at least this; null when the rule does not say.
--   hi_ns           BIGINT   `clock` minus `other` is at most this; null when the rule does not say.
--   method          VARCHAR  answered, or failed: a pod did not begin to fail before its kubelet began to end it.
--   evidence_count  BIGINT   How many pods.
--   trust           VARCHAR  certain, likely (fewer than three pods say so) or hint (nearly always so, but no law).
with pod_states as (
    select
        objects.uid,
        objects.object ->> '$.status.podIP' as pod_ip,
        objects.observed_at_ns as seen_ns,
        sources.clock as seen_by,
        try(from_json(
            objects.object -> '$.status.containerStatuses',
            '[{"restartCount": "BIGINT", "state": {"running": {"startedAt": "VARCHAR"},
            "terminated": {"startedAt": "VARCHAR", "finishedAt": "VARCHAR"}}}]'
        )) as containers
    from recording.objects
    inner join recording.sources on objects.source_id = sources.source_id
    where
        objects.kind = 'Pod'
        and objects.api_version = 'v1'
        and exists (select 1 from recording.proxy_requests)
),

pods as (
    select
        pod_states.uid,
        any_value(pod_states.seen_by) as seen_by,
        any_value(pod_states.pod_ip) as pod_ip,
        min(list_min(list_transform(
            pod_states.containers,
            lambda container: second_ns(
                coalesce(container.state.running.startedat, container.state.terminated.startedat)
            )
        ))) as started_ns,
        max(list_max(list_transform(
            pod_states.containers, lambda container: second_ns(container.state.terminated.finishedat)
        ))) filter (
            where list_bool_and(list_transform(
                pod_states.containers, lambda container: container.state.terminated.finishedat is not null
            ))
        ) as exited_ns,
        min(pod_states.seen_ns) filter (
            where list_bool_and(list_transform(
                pod_states.containers, lambda container: container.state.terminated.finishedat is not null
            ))
        ) as exit_seen_ns
    from pod_states
    group by pod_states.uid
    -- A container that was started anew may have answered before what is seen of it.
    having max(list_max(list_transform(pod_states.containers, lambda container: container.restartcount))) = 0
),

own_addresses as (
    select pods.*
    from pods
    where pods.pod_ip is not null
    qualify count(*) over (partition by pods.pod_ip) = 1
),

emitted as (
    select
        stamps.uid,
        min(stamps.written_lo_ns) filter (where stamps.reason = 'Created') as created_ns,
        min(stamps.written_lo_ns) filter (where stamps.reason = 'Killing') as killed_ns
    from clocks.stamps
    where stamps.stamp = 'emitted' and stamps.clock = 'node'
    group by stamps.uid
),

answers as (
    select
        sources.clock,
        proxy_requests.upstream_addresses,
        min(proxy_requests.ended_at_ns + proxy_requests.resolution_ns) as first_ns,
        max(proxy_requests.started_at_ns) as last_ns
    from recording.proxy_requests
    inner join recording.sources on proxy_requests.source_id = sources.source_id
    where
        proxy_requests.status < 499
        -- An error that the pod itself answered; the proxy's own have no header from anybody.
        or (proxy_requests.status = 500 and coalesce(proxy_requests.upstream_header_times_s, '-') <> '-')
    group by sources.clock, proxy_requests.upstream_addresses
),

answers_by_pod as (
    select
        answers.clock,
        answers.upstream_addresses,
        own_addresses.seen_by,
        answers.first_ns,
        answers.last_ns,
        greatest(own_addresses.started_ns, emitted.created_ns) as started_ns,
        own_addresses.exited_ns,
        own_addresses.exit_seen_ns,
        emitted.killed_ns
    from answers
    inner join own_addresses
        on
            own_addresses.pod_ip
            = regexp_extract(answers.upstream_addresses, '^\[?([0-9a-fA-F:.]+?)\]?:\d+$', 1)
    left outer join emitted on own_addresses.uid = emitted.uid
),

first_failures as (
    select
        answers_by_pod.clock,
        answers_by_pod.upstream_addresses,
        any_value(answers_by_pod.killed_ns) as killed_ns,
        min(proxy_requests.ended_at_ns + proxy_requests.resolution_ns) as failed_ns
    from answers_by_pod
    inner join recording.proxy_requests
        on
            answers_by_pod.upstream_addresses = proxy_requests.upstream_addresses
            and answers_by_pod.last_ns < proxy_requests.ended_at_ns
    where
        proxy_requests.status >= 500
        and coalesce(proxy_requests.upstream_header_times_s, '-') = '-'
        and answers_by_pod.killed_ns is not null
    group by answers_by_pod.clock, answers_by_pod.upstream_addresses
),

differences as (
    select
        answers_by_pod.clock,
        'node' as other,
        answers_by_pod.last_ns - answers_by_pod.exited_ns - 1000000000 as lo_ns,
        answers_by_pod.first_ns - answers_by_pod.started_ns as hi_ns,
        'answered' as method
    from answers_by_pod
    union all
    select
        answers_by_pod.clock,
        answers_by_pod.seen_by as other,
        answers_by_pod.last_ns - answers_by_pod.exit_seen_ns as lo_ns,
        null as hi_ns,
        'answered' as method
    from answers_by_pod
    union all
    select
        first_failures.clock,
        'node' as other,
        null as lo_ns,
        first_failures.failed_ns - first_failures.killed_ns as hi_ns,
        'failed' as method
    from first_failures
),

bounds as (
    select
        differences.clock,
        differences.other,
        differences.method,
        count(differences.lo_ns) as lo_count,
        count(differences.hi_ns) as hi_count,
        list_sort(list(differences.lo_ns) filter (where differences.lo_ns is not null), 'desc') as lows_ns,
        list_sort(list(differences.hi_ns) filter (where differences.hi_ns is not null)) as highs_ns
    from differences
    group by differences.clock, differences.other, differences.method
)

select
    bounds.clock,
    bounds.other,
    case when bounds.lo_count >= 3 then bounds.lows_ns[2] else bounds.lows_ns[1] end::bigint as lo_ns,
    null::bigint as hi_ns,
    bounds.method,
    bounds.lo_count as evidence_count,
    case when bounds.lo_count >= 3 then 'certain' else 'likely' end as trust
from bounds
where bounds.lo_count > 0
union all
select
    bounds.clock,
    bounds.other,
    null::bigint as lo_ns,
    case
        when bounds.method = 'failed' then bounds.highs_ns[-1]
        when bounds.hi_count >= 3 then bounds.highs_ns[2]
        else bounds.highs_ns[1]
    end::bigint as hi_ns,
    bounds.method,
    bounds.hi_count as evidence_count,
    case
        when bounds.method = 'failed' then 'hint'
        when bounds.hi_count >= 3 then 'certain'
        else 'likely'
    end as trust
from bounds
-- One pod that failed early says nothing of clocks, several that all did at once do.
where bounds.hi_count > case when bounds.method = 'failed' then 1 else 0 end
