-- Failures that a client and a proxy logged without a common id, k-th by k-th: when as many requests ended in one way
-- here as there, the client began its k-th no later than the proxy did, and the proxy ended its k-th no later.
--
-- That holds for sorted instants if it holds for some way to pair them, so nobody need know which line is which request.
-- It is tried with the one log moved along the other by some places, in case one began earlier; whatever fits is
-- possible and stays inside the bounds, so that failures at even distances pin nothing. Of a request that the client
-- gave up the proxy learns later than the client: such ends are left out.
--
-- Kind:     table
-- Grain:    one row per pair of clocks of a client and of a proxy, and outcome
-- Reads:    recording.requests, recording.proxy_requests, recording.sources
-- Needs:    recording.requests, recording.proxy_requests
-- Params:
--   fewest_in_order  BIGINT  5  With fewer failures of one outcome than this their order says nothing.
--
-- Columns:
--   clock           VARCHAR  The client's clock.
--   other           VARCHAR  The proxy's clock.
--   lo_ns           BIGINT   `clock` minus `other` is at least this.
--   hi_ns           BIGINT   `clock` minus `other` is at most this.
--   method          VARCHAR  order.
--   evidence_count  BIGINT   How many failures lie beside each other.
with requests_by_outcome as (
    select
        sources.clock,
        if(coalesce(requests.is_truncated, false), 'cut', requests.status::varchar) as outcome,
        requests.started_at_ns as started_ns,
        requests.ended_at_ns + coalesce(requests.resolution_ns, 0) as ended_ns
    from recording.requests
    inner join recording.sources on requests.source_id = sources.source_id
    where
        requests.status >= 500
        or requests.status = 429
        or coalesce(requests.is_truncated, false)
),

lines_by_outcome as (
    select
        sources.clock,
        if(coalesce(proxy_requests.is_truncated, false), 'cut', proxy_requests.status::varchar) as outcome,
        proxy_requests.started_at_ns + proxy_requests.resolution_ns as started_ns,
        proxy_requests.ended_at_ns as ended_ns
    from recording.proxy_requests
    inner join recording.sources on proxy_requests.source_id = sources.source_id
    where
        proxy_requests.status >= 500
        or proxy_requests.status = 429
        or coalesce(proxy_requests.is_truncated, false)
),

requests_counted as (
    select
        requests_by_outcome.clock,
        requests_by_outcome.outcome,
        count(*) as total
    from requests_by_outcome
    group by requests_by_outcome.clock, requests_by_outcome.outcome
),

lines_counted as (
    select
        lines_by_outcome.clock,
        lines_by_outcome.outcome,
        count(*) as total
    from lines_by_outcome
    group by lines_by_outcome.clock, lines_by_outcome.outcome
),

-- Both logs have it, and not so often that sorting it takes longer than the rest of the analysis. Places of the n-th
-- group are counted from n billion on: one number says group and place.
outcomes as (
    select
        requests_counted.clock,
        lines_counted.clock as other,
        requests_counted.outcome,
        requests_counted.total as requests_count,
        lines_counted.total as lines_count,
        1000000000 * row_number() over (
            order by requests_counted.clock, lines_counted.clock, requests_counted.outcome
        ) as origin
    from requests_counted
    inner join lines_counted on requests_counted.outcome = lines_counted.outcome
    where
        least(requests_counted.total, lines_counted.total) >= getvariable('fewest_in_order')
        and greatest(requests_counted.total, lines_counted.total) <= 200000
        and abs(requests_counted.total - lines_counted.total)
        <= 0.1 * greatest(requests_counted.total, lines_counted.total)
),

request_starts as (
    select
        requests_by_outcome.started_ns,
        outcomes.origin + row_number() over (
            partition by outcomes.origin order by requests_by_outcome.started_ns
        ) as place
    from requests_by_outcome
    inner join outcomes
        on requests_by_outcome.clock = outcomes.clock and requests_by_outcome.outcome = outcomes.outcome
),

request_ends as (
    select
        requests_by_outcome.ended_ns,
        outcomes.origin + row_number() over (
            partition by outcomes.origin order by requests_by_outcome.ended_ns
        ) as place
    from requests_by_outcome
    inner join outcomes
        on requests_by_outcome.clock = outcomes.clock and requests_by_outcome.outcome = outcomes.outcome
),

line_starts as (
    select
        lines_by_outcome.started_ns,
        outcomes.origin + row_number() over (
            partition by outcomes.origin order by lines_by_outcome.started_ns
        ) as place
    from lines_by_outcome
    inner join outcomes
        on lines_by_outcome.clock = outcomes.other and lines_by_outcome.outcome = outcomes.outcome
),

line_ends as (
    select
        lines_by_outcome.ended_ns,
        outcomes.origin + row_number() over (
            partition by outcomes.origin order by lines_by_outcome.ended_ns
        ) as place
    from lines_by_outcome
    inner join outcomes
        on lines_by_outcome.clock = outcomes.other and lines_by_outcome.outcome = outcomes.outcome
),

request_places as materialized (
    select
        request_starts.place,
        request_starts.started_ns,
        request_ends.ended_ns
    from request_starts
    inner join request_ends on request_starts.place = request_ends.place
),

line_places as materialized (
    select
        line_starts.place,
        line_starts.started_ns,
        line_ends.ended_ns
    from line_starts
    inner join line_ends on line_starts.place = line_ends.place
),

-- `moved` is by how many places the lines are moved along the requests; at most a tenth may hang over.
moves as (
    select
        outcomes.origin,
        outcomes.requests_count,
        outcomes.lines_count,
        unnest(range(
            -least(outcomes.requests_count // 10, 500),
            least(outcomes.lines_count // 10, 500) + 1
        )) as moved
    from outcomes
),

beside as (
    select
        moves.origin,
        moves.moved,
        greatest(1, 1 - moves.moved) as first_place,
        least(moves.requests_count, moves.lines_count - moves.moved) as last_place
    from moves
),

-- Most moves are ruled out by some tens of places; what is left is looked at closely.
roughly as (
    select
        beside.*,
        beside.origin + unnest(range(
            beside.first_place, beside.last_place + 1,
            greatest(1, (beside.last_place - beside.first_place) // 30)
        )) as place
    from beside
),

rough_fits as (
    select
        roughly.origin,
        roughly.moved,
        any_value(roughly.first_place) as first_place,
        any_value(roughly.last_place) as last_place
    from roughly
    inner join request_places on roughly.place = request_places.place
    inner join line_places on roughly.place + roughly.moved = line_places.place
    group by roughly.origin, roughly.moved
    having
        max(request_places.started_ns - line_places.started_ns)
        <= min(request_places.ended_ns - line_places.ended_ns) + 2000000 * getvariable('clock_slack_ms')
),

closely as (
    select
        rough_fits.*,
        rough_fits.origin + unnest(range(
            rough_fits.first_place, rough_fits.last_place + 1,
            greatest(1, (rough_fits.last_place - rough_fits.first_place) // 1000)
        )) as place
    from rough_fits
),

fits as (
    select
        closely.origin,
        closely.moved,
        any_value(closely.last_place - closely.first_place + 1) as beside_count,
        max(request_places.started_ns - line_places.started_ns) - 1000000 * getvariable('clock_slack_ms')
            as lo_ns,
        min(request_places.ended_ns - line_places.ended_ns) + 1000000 * getvariable('clock_slack_ms')
            as hi_ns
    from closely
    inner join request_places on closely.place = request_places.place
    inner join line_places on closely.place + closely.moved = line_places.place
    group by closely.origin, closely.moved
    having lo_ns <= hi_ns
)

select
    outcomes.clock,
    outcomes.other,
    min(fits.lo_ns)::bigint as lo_ns,
    max(fits.hi_ns)::bigint as hi_ns,
    'order' as method,
    max(fits.beside_count)::bigint as evidence_count
from fits
inner join outcomes on fits.origin = outcomes.origin
where fits.beside_count >= 0.9 * greatest(outcomes.requests_count, outcomes.lines_count)
group by outcomes.clock, outcomes.other, outcomes.outcome
