-- Each try that a path sent, or may have sent, to a pod that was later ended: those that went well and those that a
-- retry healed too. A proxy's path is its own log; without a proxy the path is the Service, and the client's log tells
-- only of the requests that named their pod and of the connections that failed.
--
-- A connection to the Service that fails long after the others need not have been the Service's choice: connection tracking
-- sends one with the port of an earlier one where that was sent. It was not when so many new connections had been answered
-- since the pod's exit that a path which still knew the pod would have chosen it with a chance of 999 in 1000. A client's
-- worker that got no answer has no connection: its next request makes a new one.
--
-- Kind:     table
-- Grain:    one row per try and pod that it may have gone to
-- Reads:    timeline.pod_lifecycles, staging.proxy_requests, staging.source_clocks, staging.requests,
--           timeline.attempt_pods
-- Params:
--   arrival_window_s  BIGINT  30  How long before its end a pod's requests tell how often they come.
--
-- Columns:
--   pod_uid            VARCHAR  UID of the pod.
--   path               VARCHAR  The proxy's log, one a replica; `service` for connections of the client's own.
--   path_kind          VARCHAR  proxy or service.
--   proxy              VARCHAR  Kind of proxy; kube-proxy for the Service.
--   reference          VARCHAR  The line of the try: `source:line`.
--   started_lo_ns      BIGINT   Start of the try, earliest, reference clock.
--   started_hi_ns      BIGINT   Start of the try, latest.
--   ended_lo_ns        BIGINT   End of the request, earliest.
--   ended_hi_ns        BIGINT   End of the request, latest.
--   pod_share_ratio    DOUBLE   1; less when several pods may have been it, 0 to 1.
--   is_new_connection  BOOLEAN  The path chose the pod for it; null when it may have gone on over an old connection, false
--                               when it met what an earlier connection had left behind.
--   is_answered        BOOLEAN  The pod answered.
--   is_refused         BOOLEAN  Nobody took the connection.
with ends as (
    select
        pod_lifecycles.pod_uid,
        pod_lifecycles.pod_name,
        pod_lifecycles.pod_ip,
        greatest(
            pod_lifecycles.killed_lo_ns - 1000000000 * getvariable('arrival_window_s'),
            pod_lifecycles.addressed_lo_ns
        ) as from_ns,
        least(
            120000000000
            + coalesce(
                pod_lifecycles.gone_hi_ns, pod_lifecycles.exited_hi_ns, pod_lifecycles.signalled_hi_ns
            ),
            -- An address may be given to a new pod at once.
            lead(pod_lifecycles.addressed_lo_ns, 1, 9000000000000000000) over (
                partition by pod_lifecycles.pod_ip order by pod_lifecycles.addressed_lo_ns
            )
        ) as until_ns
    from timeline.pod_lifecycles
    where pod_lifecycles.addressed_lo_ns is not null
    qualify pod_lifecycles.killed_lo_ns is not null
),

span as (
    select
        min(ends.from_ns) as first_ns,
        max(ends.until_ns) as last_ns
    from ends
),

lines as (
    select
        proxy_requests.source_id,
        proxy_requests.proxy,
        proxy_requests.reference,
        proxy_requests.started_lo_ns,
        proxy_requests.started_hi_ns,
        proxy_requests.ended_lo_ns,
        proxy_requests.ended_hi_ns,
        proxy_requests.upstream_addresses,
        proxy_requests.upstream_statuses,
        proxy_requests.upstream_connect_times_s
    from staging.proxy_requests
    cross join span
    where
        proxy_requests.upstream_addresses is not null
        and proxy_requests.ended_hi_ns between span.first_ns and span.last_ns
),

proxied as (
    select
        lines.source_id,
        lines.proxy,
        lines.reference,
        lines.started_lo_ns,
        lines.started_hi_ns,
        lines.ended_lo_ns,
        lines.ended_hi_ns,
        regexp_extract(
            unnest(regexp_split_to_array(lines.upstream_addresses, ' *, *| +: +')),
            '^\[?([0-9a-fA-F:.]+?)\]?:\d+$', 1
        ) as upstream_ip,
        unnest(range(len(regexp_split_to_array(lines.upstream_addresses, ' *, *| +: +')))) as earlier_count,
        unnest(regexp_split_to_array(coalesce(lines.upstream_statuses, ''), ' *, *| +: +')) as try_status,
        unnest(regexp_split_to_array(coalesce(lines.upstream_connect_times_s, ''), ' *, *| +: +'))
            as connect_s
    from lines
),

named as (
    select
        requests.source_id,
        requests.line,
        requests.started_at_ns,
        requests.ended_at_ns,
        requests.resolution_ns,
        requests.status,
        requests.pod_name
    from staging.requests
    where requests.pod_name is not null and not requests.is_proxy_line
),

-- Of the connections that failed, those that a proxy made are in its own log.
lost as (
    select
        attempt_pods.pod_uid,
        attempt_pods.request_id,
        min(attempt_pods.started_lo_ns) as started_lo_ns,
        max(attempt_pods.started_hi_ns) as started_hi_ns,
        min(attempt_pods.ended_lo_ns) as ended_lo_ns,
        max(attempt_pods.ended_hi_ns) as ended_hi_ns,
        1 / count(*) over (partition by attempt_pods.request_id) as pod_share_ratio,
        bool_or(attempt_pods.symptom in ('refused', 'unreachable')) as is_refused
    from timeline.attempt_pods
    where
        attempt_pods.is_deleted
        and attempt_pods.matched_by is null
        and attempt_pods.linked_by <> 'address'
        -- Until SIGTERM the pod takes connections.
        and attempt_pods.ended_hi_ns >= attempt_pods.signalled_lo_ns
        and attempt_pods.symptom in ('refused', 'unreachable', 'reset', 'truncated')
    group by attempt_pods.pod_uid, attempt_pods.request_id
),

unanswered as (
    select
        requests.source_id,
        requests.thread,
        requests.ended_at_ns
    from staging.requests
    where
        requests.status is null
        and requests.thread is not null
        and not requests.is_proxy_line
        and exists (select 1 from lost)
),

renewed as (
    select
        requests.source_id,
        min(requests.started_at_ns) as started_at_ns,
        arg_min(requests.status is not null, requests.started_at_ns) as is_answered
    from unanswered
    inner join staging.requests
        on
            unanswered.source_id = requests.source_id
            and unanswered.thread = requests.thread
            and unanswered.ended_at_ns <= requests.started_at_ns
            and unanswered.ended_at_ns + 60000000000 > requests.started_at_ns
    group by unanswered.source_id, unanswered.thread, unanswered.ended_at_ns, requests.source_id
),

answered as (
    select
        renewed.started_at_ns - source_clocks.offset_hi_ns as started_lo_ns,
        row_number() over (order by renewed.started_at_ns - source_clocks.offset_hi_ns) as place
    from renewed
    inner join staging.source_clocks on renewed.source_id = source_clocks.source_id
    where renewed.is_answered
),

siblings as (
    select
        pod_lifecycles.pod_uid,
        pod_lifecycles.exited_hi_ns,
        count(*) over (partition by pod_lifecycles.namespace, pod_lifecycles.workload) as pod_count
    from timeline.pod_lifecycles
),

-- Until its exit the pod itself may have answered.
chosen as (
    select
        lost.pod_uid,
        lost.request_id,
        lost.started_lo_ns,
        siblings.pod_count,
        greatest(
            siblings.exited_hi_ns,
            lag(lost.started_lo_ns) over (
                partition by lost.pod_uid order by lost.started_lo_ns, lost.request_id
            )
        ) as before_ns
    from lost
    inner join siblings on lost.pod_uid = siblings.pod_uid
    where lost.is_refused and siblings.exited_hi_ns is not null
),

counted as (
    select
        chosen.pod_uid,
        chosen.request_id,
        chosen.started_lo_ns,
        chosen.pod_count,
        coalesce(until_then.place, 0) - coalesce(before.place, 0) as answered_count
    from chosen
    asof left outer join answered as until_then on chosen.started_lo_ns >= until_then.started_lo_ns
    asof left outer join answered as before on chosen.before_ns >= before.started_lo_ns
),

left_over as (
    select
        counted.pod_uid,
        counted.request_id,
        bool_or(pow(1 - 1 / counted.pod_count, counted.answered_count) < 0.001) over (
            partition by counted.pod_uid
            order by counted.started_lo_ns, counted.request_id
            rows between unbounded preceding and current row
        ) as is_left_over
    from counted
)

select
    ends.pod_uid,
    source_clocks.source as path,
    'proxy' as path_kind,
    proxied.proxy,
    proxied.reference,
    proxied.started_lo_ns,
    if(proxied.earlier_count = 0, proxied.started_hi_ns, proxied.ended_hi_ns) as started_hi_ns,
    proxied.ended_lo_ns,
    proxied.ended_hi_ns,
    1.0::double as pod_share_ratio,
    true as is_new_connection,
    coalesce(try_cast(proxied.try_status as integer) < 500, false) as is_answered,
    coalesce(try_cast(proxied.try_status as integer) >= 500 and proxied.connect_s = '-', false) as is_refused
from ends
inner join proxied
    on
        ends.pod_ip = proxied.upstream_ip
        and ends.from_ns <= proxied.started_hi_ns
        and ends.until_ns >= proxied.started_lo_ns
inner join staging.source_clocks on proxied.source_id = source_clocks.source_id
union all
select
    ends.pod_uid,
    'service' as path,
    'service' as path_kind,
    'kube-proxy' as proxy,
    source_clocks.source || ':' || named.line as reference,
    named.started_at_ns - source_clocks.offset_hi_ns as started_lo_ns,
    named.started_at_ns + coalesce(named.resolution_ns, 0) - source_clocks.offset_lo_ns as started_hi_ns,
    named.ended_at_ns - source_clocks.offset_hi_ns as ended_lo_ns,
    named.ended_at_ns + coalesce(named.resolution_ns, 0) - source_clocks.offset_lo_ns as ended_hi_ns,
    1.0::double as pod_share_ratio,
    null as is_new_connection,
    coalesce(named.status < 500, false) as is_answered,
    false as is_refused
from ends
inner join named on ends.pod_name = named.pod_name
inner join staging.source_clocks on named.source_id = source_clocks.source_id
where named.started_at_ns - source_clocks.offset_lo_ns >= ends.from_ns
union all
select
    lost.pod_uid,
    'service' as path,
    'service' as path_kind,
    'kube-proxy' as proxy,
    lost.request_id as reference,
    lost.started_lo_ns,
    lost.started_hi_ns,
    lost.ended_lo_ns,
    lost.ended_hi_ns,
    lost.pod_share_ratio,
    if(lost.is_refused, not coalesce(left_over.is_left_over, false), null) as is_new_connection,
    false as is_answered,
    lost.is_refused
from lost
left outer join left_over on lost.pod_uid = left_over.pod_uid and lost.request_id = left_over.request_id
