-- A source was not listening while requests were sent: its silence means nothing.
--
-- One that was told afterwards all that it missed is no such source: checks.heard_late has it where that took long.
--
-- Severity: data_loss
-- Grain:    one row per gap that overlaps the requests
-- Reads:    recording.gaps, staging.requests
-- Needs:    recording.gaps
--
-- Columns:
--   message      VARCHAR  What is doubtful, for people.
--   subject      VARCHAR  What was not heard.
--   reason       VARCHAR  Why.
--   from_ns      BIGINT   Last moment it surely listened, recorder's clock, ns since 1970 UTC.
--   until_ns     BIGINT   When it listened again; null when it never did.
--   duration_ms  DOUBLE   How long, ms; null when it never listened again.
with span as (
    select
        min(requests.started_at_ns) as first_ns,
        max(requests.ended_at_ns) as last_ns
    from staging.requests
)

select
    gaps.subject || ' were not listened to '
    || coalesce('for ' || round((gaps.until_ns - gaps.from_ns) / 1e9, 1) || ' s', 'any more')
    || ' while requests were sent: ' || gaps.reason as message,
    gaps.subject,
    gaps.reason,
    gaps.from_ns,
    gaps.until_ns,
    (gaps.until_ns - gaps.from_ns) / 1e6 as duration_ms
from recording.gaps
cross join span
where
    gaps.from_ns <= span.last_ns and coalesce(gaps.until_ns >= span.first_ns, true)
    and not coalesce(gaps.is_healed, false)
    -- What was never allowed: checks.rights_missing.
    and not (gaps.until_ns is null and starts_with(gaps.reason, 'right missing'))
order by gaps.from_ns
