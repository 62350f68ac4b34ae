-- Two client logs hold the same requests, as two outputs of one run do: every number is too high.
--
-- Severity: warning
-- Grain:    one row per pair of sources of which at least half of the smaller one's requests are in both
-- Reads:    recording.requests, recording.sources
-- Needs:    recording.requests
--
-- Columns:
--   message       VARCHAR  What is doubtful, for people.
--   source        VARCHAR  Name of the one.
--   other_source  VARCHAR  Name of the other.
--   shared_count  BIGINT   Requests with the same start, end (both to the millisecond) and status.
with clients as (
    select
        sources.source_id,
        sources.request_count,
        sources.first_at_ns,
        sources.last_at_ns
    from recording.sources
    where sources.request_count > 0
),

overlapping as (
    select distinct clients.source_id
    from clients
    inner join clients as others
        on
            clients.source_id <> others.source_id
            and clients.first_at_ns <= others.last_at_ns
            and clients.last_at_ns >= others.first_at_ns
),

moments as (
    select distinct
        requests.source_id,
        requests.started_at_ns // 1000000 as started_ms,
        requests.ended_at_ns // 1000000 as ended_ms,
        requests.status
    from recording.requests
    semi join overlapping on requests.source_id = overlapping.source_id
),

pairs as (
    select
        moments.source_id,
        others.source_id as other_id,
        count(*) as shared_count
    from moments
    inner join moments as others
        on
            moments.started_ms = others.started_ms
            and moments.ended_ms = others.ended_ms
            and moments.status is not distinct from others.status
            and moments.source_id < others.source_id
    group by moments.source_id, others.source_id
)

select
    '`' || sources.name || '` and `' || other_sources.name || '` hold the same '
    || pairs.shared_count || ' requests: import only one of them' as message,
    sources.name as source,
    other_sources.name as other_source,
    pairs.shared_count
from pairs
inner join clients on pairs.source_id = clients.source_id
inner join clients as other_clients on pairs.other_id = other_clients.source_id
inner join recording.sources on pairs.source_id = sources.source_id
inner join recording.sources as other_sources on pairs.other_id = other_sources.source_id
where 2 * pairs.shared_count >= least(clients.request_count, other_clients.request_count)
order by sources.name, other_sources.name
