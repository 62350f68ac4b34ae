-- A source was told afterwards what it had missed: nothing is lost, but the instants of what came meanwhile are late.
--
-- Severity: warning
-- Grain:    one row per such gap that overlaps the requests
-- Reads:    staging.gaps, staging.requests
-- Needs:    staging.gaps
--
-- Columns:
--   message      VARCHAR  What is doubtful, for people.
--   subject      VARCHAR  What was heard late.
--   reason       VARCHAR  Why.
--   duration_ms  DOUBLE   How late at most, ms.
with span as (
    select
        min(requests.started_at_ns) as first_ns,
        max(requests.ended_at_ns) as last_ns
    from staging.requests
)

select
    gaps.subject || ' were heard up to ' || round((gaps.until_ns - gaps.from_ns) / 1e9, 1)
    || ' s late, though nothing was lost: ' || gaps.reason as message,
    gaps.subject,
    gaps.reason,
    (gaps.until_ns - gaps.from_ns) / 1e6 as duration_ms
from staging.gaps
cross join span
where gaps.is_healed and gaps.from_ns <= span.last_ns and gaps.until_ns >= span.first_ns
order by gaps.from_ns
