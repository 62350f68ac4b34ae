-- Which proxy line tells of which failed request: by an id that both logged, else by outcome and time.
--
-- By time: failures and lines of one outcome are put on one axis, that of the proxy, moved there by what is known of the
-- two clocks. Where pauses separate them into clusters, the k-th failure of a cluster is the k-th line. Clusters with
-- more of one than of the other give each failure its nearest line. A busy client notes an end late: then it is a line
-- that lies within the request.
--
-- The line of a request lies within it. Where lines of several kinds do (one pod refused, another broke off), which one
-- it was is in doubt; where all are of one kind, it does not matter.
--
-- Kind:     table
-- Grain:    one row per failed request that a line tells of
-- Reads:    timeline.failures, timeline.proxy_lines, timeline.pod_lifecycles,
--           timeline.container_exits, clocks.solution, staging.source_clocks, staging.proxy_spans
-- Needs:    timeline.failures, timeline.proxy_lines
-- Params:
--   match_slack_ms  BIGINT  20  A proxy's end and the client's may differ by this besides the clocks.
--   fit_slack_ms    BIGINT  5  A line may stick out of its request by this: a proxy looks at its clock once a turn.
--
-- Columns:
--   request_id       VARCHAR  Key of timeline.failures.
--   proxy_reference  VARCHAR  Key of timeline.proxy_lines.
--   matched_by       VARCHAR  self (no client logged), id, order (k-th of a cluster), time (nearest) or doubt (one of
--                             several that tell of different ends).
with claimed_lines as (
    select
        failures.request_id,
        proxy_lines.reference as proxy_reference,
        'self' as matched_by,
        0 as distance_ns
    from timeline.failures
    inner join timeline.proxy_lines
        on failures.source_id = proxy_lines.source_id and failures.line = proxy_lines.line
    where failures.is_proxy_line
    union all
    select
        failures.request_id,
        proxy_lines.reference as proxy_reference,
        'id' as matched_by,
        abs(proxy_lines.ended_lo_ns - failures.ended_lo_ns) as distance_ns
    from timeline.failures
    inner join timeline.proxy_lines on failures.correlation_id = proxy_lines.correlation_id
    where not failures.is_proxy_line
),

own_lines as (
    select
        claimed_lines.request_id,
        claimed_lines.proxy_reference,
        claimed_lines.matched_by
    from claimed_lines
    qualify row_number() over (
        partition by claimed_lines.request_id
        order by claimed_lines.distance_ns, claimed_lines.proxy_reference
    ) = 1
),

-- The client's clock minus the proxy's, of several proxies any.
distances as (
    select
        solution.clock,
        min(solution.lo_ns) as lo_ns,
        max(solution.hi_ns) as hi_ns,
        -- The axis is the reference clock with the proxy's offset in the middle of what it may be.
        any_value((proxies.lo_ns + proxies.hi_ns) // 2) as proxy_ns
    from clocks.solution
    inner join clocks.solution as proxies on solution.other = proxies.clock and proxies.other = 'recorder'
    where
        solution.other in (
            select source_clocks.clock
            from staging.source_clocks
            inner join staging.proxy_spans on source_clocks.source_id = proxy_spans.source_id
        )
    group by solution.clock
),

-- A client that logs ids that the proxy logs too is not matched by time: an id without a line has no line.
joinable as (
    select
        failures.request_id,
        case
            when failures.is_truncated or failures.symptom = 'truncated' then 'cut'
            else coalesce(failures.status::varchar, 'none')
        end as outcome,
        failures.started_at_ns - (distances.lo_ns + distances.hi_ns) // 2 - distances.proxy_ns as started_ns,
        failures.ended_at_ns - (distances.lo_ns + distances.hi_ns) // 2 - distances.proxy_ns as ended_ns,
        (distances.hi_ns - distances.lo_ns) // 2 as doubt_ns
    from timeline.failures
    inner join staging.source_clocks on failures.source_id = source_clocks.source_id
    inner join distances on source_clocks.clock = distances.clock
    anti join own_lines on failures.request_id = own_lines.request_id
    where
        not failures.is_proxy_line
        and exists (
            select 1 from timeline.proxy_lines
            where proxy_lines.is_failed
        )
),

free_lines as (
    select
        proxy_lines.reference as proxy_reference,
        proxy_lines.outcome,
        (proxy_lines.started_lo_ns + proxy_lines.started_hi_ns) // 2 as started_ns,
        (proxy_lines.ended_lo_ns + proxy_lines.ended_hi_ns) // 2 as ended_ns,
        regexp_extract(proxy_lines.upstream_addresses, '([0-9a-fA-F:.]+?)\]?:\d+$', 1) as last_ip,
        coalesce(not starts_with(proxy_lines.upstream_header_times_s, '-'), false)
        or regexp_extract(proxy_lines.upstream_statuses, '[^ ,]+$') not in ('', '502', '-') as is_answered,
        -- It names a group of peers instead of one: `no live upstreams`.
        contains(proxy_lines.proxy, 'nginx')
        and regexp_matches(proxy_lines.upstream_addresses, '(^|[ ,])[^ :,]+$') as is_ejection,
        concat_ws(
            ' ',
            regexp_extract(proxy_lines.upstream_statuses, '[^ ,]+$'),
            ends_with(proxy_lines.upstream_connect_times_s, '-')::varchar,
            starts_with(proxy_lines.upstream_header_times_s, '-')::varchar,
            proxy_lines.flags
        ) as ending
    from timeline.proxy_lines
    anti join own_lines on proxy_lines.reference = own_lines.proxy_reference
    where proxy_lines.is_failed and exists (select 1 from joinable)
),

points as (
    select
        joinable.outcome,
        joinable.started_ns,
        joinable.ended_ns,
        joinable.doubt_ns,
        joinable.request_id,
        null as proxy_reference,
        null as ending
    from joinable
    union all
    select
        free_lines.outcome,
        free_lines.started_ns,
        free_lines.ended_ns,
        0 as doubt_ns,
        null as request_id,
        free_lines.proxy_reference,
        concat_ws(' ', free_lines.ending, free_lines.last_ip) as ending
    from free_lines
),

-- What a line tells: how the try ended, and whether its pod was being ended then, or its container had ended by itself.
-- Which pod it was matters no more.
told as (
    select
        free_lines.*,
        pod_lifecycles.pod_uid,
        pod_lifecycles.killed_lo_ns <= free_lines.ended_ns as is_ending,
        coalesce(
            pod_lifecycles.deleted_lo_ns > free_lines.ended_ns, pod_lifecycles.pod_uid is not null
        ) as is_serving
    from free_lines
    asof left outer join timeline.pod_lifecycles
        on
            free_lines.last_ip = pod_lifecycles.pod_ip
            and free_lines.ended_ns >= pod_lifecycles.addressed_lo_ns
    where free_lines.outcome not in ('none', 'cut')
),

own_kinds as (
    select
        told.*,
        case
            -- A container that ended cut what it was working on and refused what came then: one cause, two endings.
            when
                container_exits.pod_uid is not null
                and told.is_serving
                and not told.is_answered
                and told.started_ns
                <= coalesce(container_exits.restarted_hi_ns, told.started_ns)
                + 1000000000 * getvariable('warm_up_s')
                then container_exits.ended_by
            else concat_ws(
                ' ',
                told.ending,
                if(told.pod_uid is null, told.last_ip, coalesce(told.is_ending, false)::varchar)
            )
        end as own_kind
    from told
    asof left outer join timeline.container_exits
        on told.pod_uid = container_exits.pod_uid and told.ended_ns >= container_exits.began_lo_ns
),

-- Lines of one moment: always the same one, an as-of join takes any.
peer_errors as (
    select
        own_kinds.outcome,
        own_kinds.is_serving,
        own_kinds.ended_ns,
        min(own_kinds.own_kind) as kind
    from own_kinds
    where own_kinds.last_ip <> '' and not own_kinds.is_answered
    group by own_kinds.outcome, own_kinds.is_serving, own_kinds.ended_ns
),

-- A line of a proxy that had ejected all peers stands for the error of the last one that should have served.
line_kinds as (
    select
        own_kinds.*,
        case
            when
                own_kinds.is_ejection
                and own_kinds.ended_ns - peer_errors.ended_ns <= 1000000000 * getvariable('ejection_s')
                then peer_errors.kind
            else own_kinds.own_kind
        end as kind
    from own_kinds
    asof left outer join peer_errors
        on
            own_kinds.outcome = peer_errors.outcome
            and own_kinds.is_ejection = peer_errors.is_serving
            and own_kinds.ended_ns >= peer_errors.ended_ns
),

first_ends as (
    select
        line_kinds.*,
        min(struct_pack(
            ended_ns := line_kinds.ended_ns,
            started_ns := line_kinds.started_ns,
            proxy_reference := line_kinds.proxy_reference
        )) over from_here as first_end
    from line_kinds
    window
        from_here as (
            partition by line_kinds.outcome, line_kinds.kind
            order by line_kinds.started_ns desc, line_kinds.proxy_reference desc
            rows between unbounded preceding and current row
        )
    -- Lines of the same moment: the first stands for all.
    qualify row_number() over (
        partition by line_kinds.outcome, line_kinds.kind, line_kinds.started_ns
        order by line_kinds.proxy_reference
    ) = 1
),

kinds as (
    select distinct
        line_kinds.outcome,
        line_kinds.kind
    from line_kinds
),

waiting as (
    select
        joinable.*,
        kinds.kind,
        joinable.started_ns - joinable.doubt_ns - 1000000 * getvariable('fit_slack_ms') as from_ns,
        joinable.ended_ns + joinable.doubt_ns + 1000000 * getvariable('fit_slack_ms') as until_ns
    from joinable
    inner join kinds on joinable.outcome = kinds.outcome
),

-- Of each kind the line that begins next, and of those that begin later the one that ends first.
candidates as (
    select
        waiting.request_id,
        waiting.started_ns,
        waiting.ended_ns,
        waiting.until_ns,
        waiting.kind,
        unnest([
            first_ends.first_end,
            struct_pack(
                ended_ns := first_ends.ended_ns,
                started_ns := first_ends.started_ns,
                proxy_reference := first_ends.proxy_reference
            )
        ]) as line
    from waiting
    asof inner join first_ends
        on
            waiting.outcome = first_ends.outcome
            and waiting.kind = first_ends.kind
            and waiting.from_ns <= first_ends.started_ns
),

within as (
    select
        candidates.request_id,
        -- Of several kinds the line that begins and ends most like the request.
        min(struct_pack(
            distance_ns := abs(candidates.line.started_ns - candidates.started_ns)
            + abs(candidates.line.ended_ns - candidates.ended_ns),
            proxy_reference := candidates.line.proxy_reference
        )) as best,
        count(distinct candidates.kind) as kind_count
    from candidates
    where candidates.line.ended_ns <= candidates.until_ns
    group by candidates.request_id
),

parted as (
    select
        points.*,
        coalesce(
            points.ended_ns - lag(points.ended_ns) over on_axis > 1000000 * getvariable('match_slack_ms'),
            true
        )
            as is_first
    from points
    window on_axis as (
        partition by points.outcome
        order by points.ended_ns, points.request_id, points.proxy_reference
    )
),

clustered as (
    select
        parted.*,
        -- Row by row in the order of above: a range frame takes a minute for a million points.
        sum(parted.is_first::integer) over (
            partition by parted.outcome
            order by parted.ended_ns, parted.request_id, parted.proxy_reference
            rows between unbounded preceding and current row
        ) as cluster
    from parted
),

ranked as (
    select
        clustered.*,
        row_number() over (
            partition by clustered.outcome, clustered.cluster, clustered.request_id is null
            order by clustered.ended_ns, clustered.request_id, clustered.proxy_reference
        ) as place,
        row_number() over (
            partition by clustered.outcome, clustered.cluster, clustered.request_id is null
            order by clustered.started_ns, clustered.request_id, clustered.proxy_reference
        ) as start_place,
        count(clustered.request_id) over in_cluster as failures_count,
        count(clustered.proxy_reference) over in_cluster as lines_count
    from clustered
    window in_cluster as (partition by clustered.outcome, clustered.cluster)
),

-- What ended in one moment is told apart by its start.
ordered as (
    select
        ranked.outcome,
        ranked.cluster,
        ranked.started_ns,
        ranked.ended_ns,
        ranked.doubt_ns,
        ranked.request_id,
        ranked.proxy_reference,
        ranked.ending,
        unnest([ranked.place, ranked.start_place]) as place,
        unnest(['by end', 'by start']) as way
    from ranked
    where ranked.failures_count = ranked.lines_count
),

pairs as (
    select
        requests.request_id,
        lines.proxy_reference,
        requests.way,
        count(*) filter (
            where lines.started_ns
            >= requests.started_ns - requests.doubt_ns - 1000000 * getvariable('fit_slack_ms')
            and lines.ended_ns
            <= requests.ended_ns + requests.doubt_ns + 1000000 * getvariable('fit_slack_ms')
        ) over in_cluster as fitting_count,
        min(lines.ending) over in_cluster = max(lines.ending) over in_cluster
        and count(*) over in_cluster = fitting_count as is_clear
    from ordered as requests
    inner join ordered as lines
        on
            requests.outcome = lines.outcome
            and requests.cluster = lines.cluster
            and requests.way = lines.way
            and requests.place = lines.place
            and lines.request_id is null
    where requests.request_id is not null
    window in_cluster as (partition by requests.outcome, requests.cluster, requests.way)
),

by_order as (
    select
        pairs.request_id,
        pairs.proxy_reference,
        'order' as matched_by,
        pairs.is_clear
    from pairs
    qualify row_number() over (
        partition by pairs.request_id order by pairs.fitting_count desc, pairs.way asc
    ) = 1
),

unordered as (
    select
        ranked.request_id,
        ranked.outcome,
        ranked.ended_ns,
        ranked.doubt_ns
    from ranked
    where ranked.request_id is not null and ranked.failures_count <> ranked.lines_count
),

lines_by_time as (
    select
        ranked.proxy_reference,
        ranked.outcome,
        ranked.ended_ns,
        ranked.doubt_ns
    from ranked
    where ranked.proxy_reference is not null
    -- Lines of the same moment (nginx writes whole ms): always the same one, an as-of join takes any.
    qualify row_number() over (
        partition by ranked.outcome, ranked.ended_ns order by ranked.doubt_ns, ranked.proxy_reference
    ) = 1
),

before_or_after as (
    select
        unordered.request_id,
        lines_by_time.proxy_reference,
        unordered.ended_ns - lines_by_time.ended_ns as distance_ns,
        unordered.doubt_ns + lines_by_time.doubt_ns as doubt_ns
    from unordered
    asof inner join lines_by_time
        on unordered.outcome = lines_by_time.outcome and unordered.ended_ns >= lines_by_time.ended_ns
    union all
    select
        unordered.request_id,
        lines_by_time.proxy_reference,
        lines_by_time.ended_ns - unordered.ended_ns as distance_ns,
        unordered.doubt_ns + lines_by_time.doubt_ns as doubt_ns
    from unordered
    asof inner join lines_by_time
        on unordered.outcome = lines_by_time.outcome and unordered.ended_ns <= lines_by_time.ended_ns
),

by_time as (
    select
        before_or_after.request_id,
        before_or_after.proxy_reference,
        'time' as matched_by,
        false as is_clear
    from before_or_after
    where before_or_after.distance_ns <= 1000000 * getvariable('match_slack_ms') + before_or_after.doubt_ns
    qualify row_number() over (
        partition by before_or_after.request_id
        order by before_or_after.distance_ns, before_or_after.proxy_reference
    ) = 1
),

nearest as (
    select by_order.* from by_order
    union all
    select by_time.* from by_time
),

-- A line that began before the request did, or ended after it, is another's.
fitting as (
    select
        joinable.request_id,
        free_lines.proxy_reference,
        nearest.matched_by,
        -- All that ended at that moment ended so.
        nearest.is_clear,
        abs(free_lines.started_ns - joinable.started_ns) + abs(free_lines.ended_ns - joinable.ended_ns)
            as distance_ns
    from nearest
    inner join joinable on nearest.request_id = joinable.request_id
    inner join free_lines on nearest.proxy_reference = free_lines.proxy_reference
    where
        free_lines.started_ns
        >= joinable.started_ns - joinable.doubt_ns - 1000000 * getvariable('fit_slack_ms')
        and free_lines.ended_ns
        <= joinable.ended_ns + joinable.doubt_ns + 1000000 * getvariable('fit_slack_ms')
)

select
    own_lines.request_id,
    own_lines.proxy_reference,
    own_lines.matched_by
from own_lines
union all
select
    joinable.request_id,
    case
        when
            within.kind_count > 1
            and coalesce(fitting.matched_by = 'time' and within.best.distance_ns < fitting.distance_ns, true)
            then within.best.proxy_reference
        else coalesce(fitting.proxy_reference, within.best.proxy_reference)
    end as proxy_reference,
    case
        when within.kind_count > 1 and not coalesce(fitting.is_clear, false) then 'doubt'
        else coalesce(fitting.matched_by, 'time')
    end as matched_by
from joinable
left outer join fitting on joinable.request_id = fitting.request_id
left outer join within on joinable.request_id = within.request_id
where coalesce(fitting.proxy_reference, within.best.proxy_reference) is not null
