-- The tool's own summary counts other requests than its log holds: some are missing, or were counted twice.
--
-- Compared are summaries of tools whose per-request log is in the recording, per status, within the run's time.
--
-- Severity: error
-- Grain:    one row per summary and status whose counts differ
-- Reads:    recording.expected_counts, recording.requests, recording.sources
-- Needs:    recording.expected_counts
--
-- Columns:
--   message         VARCHAR  What is doubtful, for people.
--   summary         VARCHAR  Name of the source that holds the summary.
--   status          INTEGER  Status; null for requests that got none.
--   expected_count  BIGINT   Requests that the summary counts.
--   recorded_count  BIGINT   Requests that the log holds.
with summaries as (
    select
        expected_counts.source_id,
        expected_counts.tool,
        min(expected_counts.started_at_ns) as started_at_ns,
        max(expected_counts.ended_at_ns) as ended_at_ns
    from recording.expected_counts
    group by expected_counts.source_id, expected_counts.tool
),

expected as (
    select
        expected_counts.source_id,
        coalesce(expected_counts.status, 0) as status,
        sum(expected_counts.requests)::bigint as expected_count
    from recording.expected_counts
    group by expected_counts.source_id, coalesce(expected_counts.status, 0)
),

logs as (
    select
        summaries.source_id as summary_id,
        sources.source_id,
        coalesce(summaries.started_at_ns - 1000000000, 0) as from_ns,
        coalesce(summaries.ended_at_ns + 1000000000, 9223372036854775807) as until_ns
    from summaries
    inner join recording.sources
        on split_part(sources.format, '-', 1) = summaries.tool and sources.request_count > 0
),

recorded as (
    select
        logs.summary_id as source_id,
        coalesce(requests.status, 0) as status,
        count(*) as recorded_count
    from logs
    inner join recording.requests
        on
            logs.source_id = requests.source_id
            and requests.started_at_ns between logs.from_ns and logs.until_ns
    group by logs.summary_id, coalesce(requests.status, 0)
),

compared as (
    select
        coalesce(expected.source_id, recorded.source_id) as source_id,
        nullif(coalesce(expected.status, recorded.status), 0) as status,
        coalesce(expected.expected_count, 0) as expected_count,
        coalesce(recorded.recorded_count, 0) as recorded_count
    from expected
    full outer join recorded
        on expected.source_id = recorded.source_id and expected.status = recorded.status
)

select
    '`' || sources.name || '` counts ' || compared.expected_count || ' requests with '
    || coalesce('status ' || compared.status, 'no status')
    || ', the log holds ' || compared.recorded_count as message,
    sources.name as summary,
    compared.status,
    compared.expected_count,
    compared.recorded_count
from compared
inner join recording.sources on compared.source_id = sources.source_id
where
    compared.expected_count <> compared.recorded_count
    and compared.source_id in (select logs.summary_id from logs)
order by sources.name, compared.status
