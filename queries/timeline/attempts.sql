-- Each try to reach a pod: of every failed request, and of every request that a retry healed.
--
-- A failed request without a proxy line has one attempt that is the client's own. When a proxy gave up because all peers
-- were ejected (`no live upstreams`), the attempt stands for the last error of a peer that should have served; only when
-- there is none, for that of a peer that was being deleted anyway.
--
-- Kind:     table
-- Grain:    one row per request and attempt
-- Reads:    timeline.failures, timeline.proxy_lines, timeline.proxy_matches, timeline.upstream_errors,
--           timeline.pod_lifecycles, timeline.container_exits
-- Params:
--   ejection_s  BIGINT  12  How long before `no live upstreams` the error that ejected a peer is looked for.
--
-- Columns:
--   request_id        VARCHAR  Key of timeline.failures; for a healed request the proxy's `source:line`.
--   attempt           INTEGER  Number of the try, from 1.
--   attempt_count     INTEGER  How many tries the request had.
--   is_near_miss      BOOLEAN  The attempt failed and a later one healed the request.
--   is_failed         BOOLEAN  The attempt itself failed.
--   matched_by        VARCHAR  How the proxy line was found: self, id, order, time, doubt; null without a proxy line.
--   proxy_reference   VARCHAR  The proxy line; null without one.
--   error_reference   VARCHAR  The proxy's line that tells the reason in words; null without one.
--   upstream_address  VARCHAR  Address tried; null when not known.
--   upstream_ip       VARCHAR  Address without port; null for names and sockets.
--   pod_name          VARCHAR  Pod that answered, by its own word; null when not known.
--   status            INTEGER  Status of the attempt, or of the whole request when it has no proxy line.
--   started_lo_ns     BIGINT   Start of the try, earliest, reference clock.
--   started_hi_ns     BIGINT   Start of the try, latest.
--   ended_lo_ns       BIGINT   End of the try, earliest.
--   ended_hi_ns       BIGINT   End of the try, latest.
--   symptom           VARCHAR  refused, unreachable, reset, truncated, read_timeout, client_closed, no_endpoints,
--                              no_live_upstreams, app_error, timeout, …; null when nothing is known.
--   is_ejection       BOOLEAN  The proxy had ejected all peers: address, reason and symptom are those of the last ejected one.
--   evidence          VARCHAR  What the symptom was read from: words, flags, fields, client.
--   is_reused         BOOLEAN  It went over a connection that was open already: no time to connect; null when not logged.
with lines as (
    select
        coalesce(proxy_matches.request_id, proxy_lines.reference) as request_id,
        proxy_matches.matched_by,
        proxy_matches.request_id is null as is_healed,
        proxy_lines.*,
        greatest(1, len(regexp_split_to_array(coalesce(proxy_lines.upstream_addresses, ''), ' *, *| +: +')))
            as tries
    from timeline.proxy_lines
    left outer join timeline.proxy_matches on proxy_lines.reference = proxy_matches.proxy_reference
    where proxy_matches.request_id is not null or not proxy_lines.is_failed
),

tries as (
    select
        lines.*,
        unnest(range(1, lines.tries + 1))::integer as attempt
    from lines
),

entries as (
    select
        tries.*,
        list_entry(tries.upstream_addresses, tries.attempt) as upstream_address,
        try_cast(list_entry(tries.upstream_statuses, tries.attempt) as integer) as upstream_status,
        list_entry(tries.upstream_connect_times_s, tries.attempt) as connect_s,
        list_entry(tries.upstream_header_times_s, tries.attempt) as header_s,
        coalesce(try_cast(list_entry(tries.upstream_response_times_s, tries.attempt) as double), 0)
            as response_s,
        try_cast(list_entry(tries.upstream_response_bytes, tries.attempt) as bigint) as response_bytes
    from tries
),

spans as (
    select
        entries.*,
        regexp_extract(entries.upstream_address, '^\[?([0-9a-fA-F:.]+?)\]?:\d+$', 1) as upstream_ip,
        try_cast(1e9 * coalesce(sum(entries.response_s) over earlier, 0) as bigint) as waited_ns,
        case
            when entries.attempt = entries.tries then 0
            else try_cast(1e9 * sum(entries.response_s) over later as bigint)
        end as remaining_ns
    from entries
    window
        earlier as (
            partition by entries.request_id, entries.reference order by entries.attempt
            rows between unbounded preceding and 1 preceding
        ),
        later as (
            partition by entries.request_id, entries.reference order by entries.attempt
            rows between 1 following and unbounded following
        )
),

-- nginx numbers its connections per worker: worker, connection and address name one line of the error log.
words_by_connection as (
    select
        spans.request_id,
        spans.attempt,
        max_by(upstream_errors.reference, (upstream_errors.logged_lo_ns, upstream_errors.reference))
            as reference,
        max_by(upstream_errors.symptom, (upstream_errors.logged_lo_ns, upstream_errors.reference)) as symptom
    from spans
    inner join timeline.upstream_errors
        on
            spans.connection_id = upstream_errors.connection_id
            and spans.process_id = upstream_errors.process_id
            -- A limit, or a name that is not resolved, has no address on either side.
            and spans.upstream_address is not distinct from upstream_errors.upstream_address
            and spans.started_lo_ns <= upstream_errors.logged_hi_ns
            and upstream_errors.logged_lo_ns <= spans.ended_hi_ns + 1000000000
    group by spans.request_id, spans.attempt
),

words_by_time as (
    select
        spans.request_id,
        spans.attempt,
        min_by(
            upstream_errors.reference,
            (abs(upstream_errors.logged_lo_ns - spans.ended_lo_ns), upstream_errors.reference)
        ) as reference,
        min_by(
            upstream_errors.symptom,
            (abs(upstream_errors.logged_lo_ns - spans.ended_lo_ns), upstream_errors.reference)
        ) as symptom
    from spans
    inner join timeline.upstream_errors
        on
            spans.upstream_address = upstream_errors.upstream_address
            and spans.started_lo_ns <= upstream_errors.logged_hi_ns
            and upstream_errors.logged_lo_ns <= spans.ended_hi_ns + 10000000
    where spans.connection_id is null or spans.process_id is null
    group by spans.request_id, spans.attempt
),

read as (
    select
        spans.*,
        coalesce(words_by_connection.reference, words_by_time.reference) as error_reference,
        coalesce(words_by_connection.symptom, words_by_time.symptom) as words_symptom,
        symptom_of_flags(spans.flags, spans.details) as flags_symptom,
        case
            when
                spans.upstream_name = '<NOSRV>'
                or regexp_matches(spans.upstream_address, '^127[.]0[.]0[.]1:8181$|502-server')
                then 'no_endpoints'
            when
                spans.upstream_address is null
                and spans.status in (502, 503)
                and spans.upstream_statuses is null
                then
                    case
                        when
                            starts_with(spans.proxy, 'nginx') or spans.proxy = 'ingress-nginx'
                            then 'no_endpoints'
                    end
            when
                coalesce(spans.upstream_ip, '') = '' and spans.upstream_address is not null
                and spans.upstream_status = 502 and contains(spans.proxy, 'nginx')
                then 'no_live_upstreams'
            when contains(spans.proxy, 'nginx')
                then case
                    when spans.header_s is not null and spans.upstream_status >= 500 then 'app_error'
                    when
                        coalesce(spans.response_bytes, 0) > 0 and spans.upstream_status >= 500
                        then 'app_error'
                    when
                        spans.upstream_status = 502
                        and spans.connect_s is null
                        and spans.upstream_connect_times_s is not null
                        then case when spans.response_s < 1 then 'refused' else 'unreachable' end
                    when spans.upstream_status = 502 then 'reset'
                    when
                        spans.upstream_status = 504
                        and spans.connect_s is null
                        and spans.upstream_connect_times_s is not null
                        then 'unreachable'
                    when spans.upstream_status = 504 then 'read_timeout'
                    when spans.upstream_status = 429 then 'rate_limited'
                    when spans.upstream_status >= 500 then 'app_error'
                    when
                        spans.upstream_status is null
                        and spans.connect_s is null
                        and spans.upstream_connect_times_s is not null
                        then 'unreachable'
                    when spans.upstream_status is null and spans.status = 499 then 'client_closed'
                end
            when spans.upstream_status >= 500 then 'app_error'
            when spans.status in (408, 499, 460) then 'client_closed'
            when spans.status = 429 then 'rate_limited'
            when spans.flags is not null and spans.status >= 500 then 'app_error'
            when spans.status = 504 then 'read_timeout'
        end as fields_symptom
    from spans
    left outer join words_by_connection
        on spans.request_id = words_by_connection.request_id and spans.attempt = words_by_connection.attempt
    left outer join words_by_time
        on spans.request_id = words_by_time.request_id and spans.attempt = words_by_time.attempt
),

proxied as (
    select
        read.request_id,
        read.attempt,
        read.tries::integer as attempt_count,
        read.is_healed,
        (
            not read.is_healed and read.attempt = read.tries
            or coalesce(read.upstream_status >= 500 or read.upstream_status = 429, read.attempt < read.tries)
        ) as is_failed,
        read.matched_by,
        read.reference as proxy_reference,
        read.error_reference,
        read.upstream_address,
        nullif(read.upstream_ip, '') as upstream_ip,
        null as pod_name,
        coalesce(read.upstream_status, read.status) as status,
        read.started_lo_ns + read.waited_ns as started_lo_ns,
        read.started_hi_ns + read.waited_ns as started_hi_ns,
        greatest(read.started_lo_ns + read.waited_ns, read.ended_lo_ns - read.remaining_ns) as ended_lo_ns,
        greatest(read.started_hi_ns + read.waited_ns, read.ended_hi_ns - read.remaining_ns) as ended_hi_ns,
        coalesce(read.words_symptom, read.flags_symptom, read.fields_symptom) as symptom,
        case
            when read.words_symptom is not null then 'words'
            when read.flags_symptom is not null then 'flags'
            when read.fields_symptom is not null then 'fields'
        end as evidence,
        try_cast(read.connect_s as double) = 0 as is_reused
    from read
),

direct as (
    select
        failures.request_id,
        1 as attempt,
        1 as attempt_count,
        false as is_healed,
        true as is_failed,
        null as matched_by,
        null as proxy_reference,
        null as error_reference,
        null as upstream_address,
        null as upstream_ip,
        failures.pod_name,
        failures.status,
        failures.started_lo_ns,
        failures.started_hi_ns,
        failures.ended_lo_ns,
        failures.ended_hi_ns,
        case
            when failures.symptom is not null then failures.symptom
            when failures.status = 429 then 'rate_limited'
            when failures.pod_name is not null and failures.status >= 500 then 'app_error'
            when failures.status >= 500 and failures.status not in (502, 503, 504) then 'app_error'
        end as symptom,
        'client' as evidence,
        null::boolean as is_reused
    from timeline.failures
    anti join timeline.proxy_matches on failures.request_id = proxy_matches.request_id
),

every as (
    select * from proxied
    union all by name
    select * from direct
),

peer_errors as (
    select
        upstream_errors.logged_lo_ns,
        upstream_errors.logged_hi_ns,
        upstream_errors.upstream_address,
        upstream_errors.upstream_ip,
        upstream_errors.symptom,
        upstream_errors.reference
    from timeline.upstream_errors
    where upstream_errors.upstream_ip is not null and upstream_errors.symptom <> 'no_endpoints'
    union all
    select
        every.ended_lo_ns,
        every.ended_hi_ns,
        every.upstream_address,
        every.upstream_ip,
        every.symptom,
        every.proxy_reference
    from every
    where
        every.is_failed
        and every.upstream_ip is not null
        and every.symptom in ('refused', 'unreachable', 'reset', 'read_timeout')
),

peers as (
    select
        peer_errors.*,
        pod_lifecycles.pod_uid,
        coalesce(
            pod_lifecycles.deleted_lo_ns > peer_errors.logged_hi_ns, pod_lifecycles.pod_uid is not null
        ) as is_serving_peer
    from peer_errors
    asof left outer join timeline.pod_lifecycles
        on
            peer_errors.upstream_ip = pod_lifecycles.pod_ip
            and peer_errors.logged_hi_ns >= pod_lifecycles.addressed_lo_ns
),

-- Of what a container that ended by itself cut, and of what it refused then, the reason is one.
judged_errors as (
    select
        peers.*,
        case
            when
                peers.is_serving_peer
                and peers.symptom in ('refused', 'reset')
                and peers.logged_lo_ns
                <= coalesce(container_exits.restarted_hi_ns, peers.logged_lo_ns)
                + 1000000000 * getvariable('warm_up_s')
                then coalesce(container_exits.ended_by, peers.symptom)
            else peers.symptom
        end as reason
    from peers
    asof left outer join timeline.container_exits
        on peers.pod_uid = container_exits.pod_uid and peers.logged_hi_ns >= container_exits.began_lo_ns
    -- Of errors at the same moment one stands for all, always the same: an as-of join takes any.
    qualify row_number() over (
        partition by peers.is_serving_peer, reason, peers.logged_lo_ns
        order by peers.reference
    ) = 1
),

error_kinds as (
    select
        judged_errors.is_serving_peer,
        judged_errors.reason
    from judged_errors
    group by all
),

ejected as (
    select
        every.request_id,
        every.attempt,
        every.ended_lo_ns,
        every.ended_hi_ns,
        error_kinds.is_serving_peer,
        error_kinds.reason
    from every
    cross join error_kinds
    where every.symptom = 'no_live_upstreams'
),

-- The last error of each kind.
ejections as (
    select
        ejected.request_id,
        ejected.attempt,
        judged_errors.*
    from ejected
    asof inner join judged_errors
        on
            ejected.is_serving_peer = judged_errors.is_serving_peer
            and ejected.reason = judged_errors.reason
            and ejected.ended_hi_ns >= judged_errors.logged_lo_ns
    where ejected.ended_lo_ns - judged_errors.logged_hi_ns <= 1000000000 * getvariable('ejection_s')
),

chosen_ejections as (
    select
        ejections.*,
        count(*) over (
            partition by ejections.request_id, ejections.attempt, ejections.is_serving_peer
        ) > 1 as is_mixed
    from ejections
    qualify row_number() over (
        partition by ejections.request_id, ejections.attempt
        order by ejections.is_serving_peer desc, ejections.logged_lo_ns desc, ejections.reference asc
    ) = 1
)

select
    every.request_id,
    every.attempt,
    every.attempt_count,
    every.is_healed as is_near_miss,
    every.is_failed,
    -- Peers that were ejected for different reasons leave in doubt which it was.
    case when chosen_ejections.is_mixed then 'doubt' else every.matched_by end as matched_by,
    every.proxy_reference,
    coalesce(chosen_ejections.reference, every.error_reference) as error_reference,
    coalesce(chosen_ejections.upstream_address, every.upstream_address) as upstream_address,
    coalesce(chosen_ejections.upstream_ip, every.upstream_ip) as upstream_ip,
    every.pod_name,
    every.status,
    coalesce(chosen_ejections.logged_lo_ns, every.started_lo_ns)::bigint as started_lo_ns,
    coalesce(chosen_ejections.logged_hi_ns, every.started_hi_ns)::bigint as started_hi_ns,
    coalesce(chosen_ejections.logged_lo_ns, every.ended_lo_ns)::bigint as ended_lo_ns,
    coalesce(chosen_ejections.logged_hi_ns, every.ended_hi_ns)::bigint as ended_hi_ns,
    coalesce(chosen_ejections.symptom, every.symptom) as symptom,
    chosen_ejections.request_id is not null as is_ejection,
    every.evidence,
    every.is_reused
from every
left outer join chosen_ejections
    on every.request_id = chosen_ejections.request_id and every.attempt = chosen_ejections.attempt
where every.is_failed
