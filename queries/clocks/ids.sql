-- A request that client and proxy both logged under one id: the proxy began it later than the client, and ended it
-- earlier, unless the client gave up: that the proxy learns later. In windows of ten seconds: a clock that moves shows as windows that contradict each other.
--
-- Kind:     table
-- Grain:    one row per pair of clocks of a client and of a proxy
-- Reads:    recording.requests, recording.proxy_requests, recording.sources
-- Needs:    recording.requests, recording.proxy_requests
-- Params:
--   clock_slack_ms  BIGINT  3  A proxy looks at its clock this much before or after what it dates.
--
-- Columns:
--   clock           VARCHAR  The client's clock.
--   other           VARCHAR  The proxy's clock.
--   lo_ns           BIGINT   `clock` minus `other` is at least this.
--   hi_ns           BIGINT   `clock` minus `other` is at most this.
--   method          VARCHAR  id.
--   evidence_count  BIGINT   How many requests.
--   moved_ns        BIGINT   By how much the windows contradict each other; 0 when they do not.
--   moved_at_ns     BIGINT   Start of the first window that contradicts those before it, clock `clock`; null when none does.
with named_lines as (
    select
        sources.clock,
        proxy_requests.correlation_id,
        any_value(proxy_requests.started_at_ns) as started_ns,
        any_value(proxy_requests.ended_at_ns) filter (
            where proxy_requests.status > 0 and proxy_requests.status not in (408, 460, 499)
        ) as ended_ns,
        any_value(proxy_requests.resolution_ns) as resolution_ns
    from recording.proxy_requests
    inner join recording.sources on proxy_requests.source_id = sources.source_id
    where proxy_requests.correlation_id is not null
    group by sources.clock, proxy_requests.correlation_id
    having count(*) = 1
),

-- More requests pin an offset no better than a hundred thousand: the ids' own hash chooses.
portions as (
    select greatest(1, sum(sources.request_count) // 100000) as portion_count
    from recording.sources
),

named_requests as (
    select
        sources.clock,
        requests.correlation_id,
        any_value(requests.started_at_ns) as started_ns,
        any_value(requests.ended_at_ns) as ended_ns,
        any_value(coalesce(requests.resolution_ns, 0)) as resolution_ns
    from recording.requests
    inner join recording.sources on requests.source_id = sources.source_id
    cross join portions
    where
        requests.correlation_id is not null
        and hash(requests.correlation_id) % portions.portion_count = 0
    group by sources.clock, requests.correlation_id
    having count(*) = 1
),

pairs as (
    select
        named_requests.clock,
        named_lines.clock as other,
        named_requests.started_ns // 10000000000 as ten_seconds,
        named_requests.started_ns - named_lines.started_ns - named_lines.resolution_ns
        - 1000000 * getvariable('clock_slack_ms') as lo_ns,
        named_requests.ended_ns + named_requests.resolution_ns - named_lines.ended_ns
        + 1000000 * getvariable('clock_slack_ms') as hi_ns
    from named_requests
    inner join named_lines on named_requests.correlation_id = named_lines.correlation_id
),

windows as (
    select
        pairs.clock,
        pairs.other,
        pairs.ten_seconds,
        count(*) as evidence_count,
        least(max(pairs.lo_ns), min(pairs.hi_ns)) as lo_ns,
        if(min(pairs.hi_ns) is null, null, greatest(max(pairs.lo_ns), min(pairs.hi_ns))) as hi_ns
    from pairs
    group by pairs.clock, pairs.other, pairs.ten_seconds
),

ordered as (
    select
        windows.*,
        max(windows.lo_ns) over before as highest_lo_ns,
        min(windows.hi_ns) over before as lowest_hi_ns
    from windows
    window before as (
        partition by windows.clock, windows.other order by windows.ten_seconds
        rows between unbounded preceding and current row
    )
)

select
    ordered.clock,
    ordered.other,
    case
        when coalesce(max(ordered.lo_ns) <= min(ordered.hi_ns), true) then max(ordered.lo_ns)
        else min(ordered.lo_ns)
    end::bigint as lo_ns,
    case
        when max(ordered.lo_ns) <= min(ordered.hi_ns) then min(ordered.hi_ns) else max(ordered.hi_ns)
    end::bigint as hi_ns,
    'id' as method,
    sum(ordered.evidence_count)::bigint as evidence_count,
    greatest(0, coalesce(max(ordered.lo_ns) - min(ordered.hi_ns), 0))::bigint as moved_ns,
    min(10000000000 * ordered.ten_seconds) filter (where ordered.highest_lo_ns > ordered.lowest_hi_ns)::bigint
        as moved_at_ns
from ordered
group by ordered.clock, ordered.other
having sum(ordered.evidence_count) >= 3
