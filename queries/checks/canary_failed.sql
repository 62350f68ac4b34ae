-- The canary failed too while requests failed: the client's own network or machine may be to blame, not the cluster.
--
-- A canary is a second path that the same client asks at the same time, and that the cluster has no part in.
--
-- Severity: warning
-- Grain:    one row when failures of both lie close together
-- Reads:    recording.canary_requests, staging.source_clocks, timeline.failures
-- Params:
--   canary_window_ms  BIGINT  500  A failure this close to one of the canary's, before or after, lies in its window.
--
-- Columns:
--   message              VARCHAR  What is doubtful, for people.
--   canary_failed_count  BIGINT   Requests to the canary that failed.
--   canary_count         BIGINT   Requests to the canary.
--   overlapping_count    BIGINT   Failed requests in whose window the canary failed.
--   failed_count         BIGINT   Failed requests.
with canaries as (
    select
        canary_requests.started_at_ns - source_clocks.offset_hi_ns as started_lo_ns,
        canary_requests.ended_at_ns + coalesce(canary_requests.resolution_ns, 0)
        - source_clocks.offset_lo_ns as ended_hi_ns,
        (
            coalesce(canary_requests.status >= 500 or canary_requests.status = 429, true)
            or coalesce(canary_requests.is_truncated, false)
        ) as is_failed
    from recording.canary_requests
    inner join staging.source_clocks on canary_requests.source_id = source_clocks.source_id
),

canary_failures as (
    select
        canaries.started_lo_ns - 1000000 * getvariable('canary_window_ms') as from_ns,
        canaries.ended_hi_ns + 1000000 * getvariable('canary_window_ms') as until_ns
    from canaries
    where canaries.is_failed
),

overlapping as (
    select count(distinct failures.request_id) as overlapping_count
    from timeline.failures
    inner join canary_failures
        on
            failures.started_lo_ns <= canary_failures.until_ns
            and failures.ended_hi_ns >= canary_failures.from_ns
),

counts as (
    select
        (select count(*) from canary_failures) as canary_failed_count,
        (select count(*) from canaries) as canary_count,
        overlapping.overlapping_count,
        (select count(*) from timeline.failures) as failed_count
    from overlapping
)

select
    counts.overlapping_count || ' of ' || counts.failed_count
    || ' failed requests came while the canary failed too (' || counts.canary_failed_count || ' of '
    || counts.canary_count || ' of its requests): the client''s own network or machine may be to blame'
    || ' for them, not the cluster' as message,
    counts.canary_failed_count,
    counts.canary_count,
    counts.overlapping_count,
    counts.failed_count
from counts
where counts.overlapping_count > 0
