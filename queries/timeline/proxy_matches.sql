-- Which proxy line tells of which failed request: by an id that both logged, else by outcome and time.
--
-- By time: failures and lines of one outcome are put on one axis, that of the proxy, moved there by what is known of the
-- two clocks. Where pauses separate them into clusters, the k-th failure of a cluster is the k-th line. Clusters with
-- more of one than of the other give each failure its nearest line.
--
-- Kind:     table
-- Grain:    one row per failed request that a line tells of
-- Reads:    timeline.failures, timeline.proxy_lines, clocks.solution, staging.source_clocks,
--           staging.proxy_spans
-- Params:
--   match_slack_ms  BIGINT  20  A proxy's end and the client's may differ by this besides the clocks.
--
-- Columns:
--   request_id       VARCHAR  Key of timeline.failures.
--   proxy_reference  VARCHAR  Key of timeline.proxy_lines.
--   matched_by       VARCHAR  self (no client logged), id, order (k-th of a cluster) or time (nearest).
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
            when failures.is_truncated then 'cut'
            else coalesce(failures.status::varchar, 'none')
        end as outcome,
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

points as (
    select
        joinable.outcome,
        joinable.ended_ns,
        joinable.doubt_ns,
        joinable.request_id,
        null as proxy_reference
    from joinable
    union all
    select
        proxy_lines.outcome,
        (proxy_lines.ended_lo_ns + proxy_lines.ended_hi_ns) // 2 as ended_ns,
        0 as doubt_ns,
        null as request_id,
        proxy_lines.reference as proxy_reference
    from timeline.proxy_lines
    anti join own_lines on proxy_lines.reference = own_lines.proxy_reference
    where proxy_lines.is_failed and exists (select 1 from joinable)
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
        count(clustered.request_id) over in_cluster as failures_count,
        count(clustered.proxy_reference) over in_cluster as lines_count
    from clustered
    window in_cluster as (partition by clustered.outcome, clustered.cluster)
),

by_order as (
    select
        waiting.request_id,
        lines.proxy_reference,
        'order' as matched_by
    from ranked as waiting
    inner join ranked as lines
        on
            waiting.outcome = lines.outcome
            and waiting.cluster = lines.cluster
            and waiting.place = lines.place
            and lines.request_id is null
    where waiting.request_id is not null and waiting.failures_count = waiting.lines_count
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
        'time' as matched_by
    from before_or_after
    where before_or_after.distance_ns <= 1000000 * getvariable('match_slack_ms') + before_or_after.doubt_ns
    qualify row_number() over (
        partition by before_or_after.request_id
        order by before_or_after.distance_ns, before_or_after.proxy_reference
    ) = 1
)

select
    own_lines.request_id,
    own_lines.proxy_reference,
    own_lines.matched_by
from own_lines
union all
select
    by_order.request_id,
    by_order.proxy_reference,
    by_order.matched_by
from by_order
union all
select
    by_time.request_id,
    by_time.proxy_reference,
    by_time.matched_by
from by_time
