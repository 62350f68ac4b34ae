-- A source was not allowed to be read: it is missing from beginning to end, and verdicts go without it.
--
-- Severity: warning
-- Grain:    one row per source that was refused
-- Reads:    recording.gaps
-- Needs:    recording.gaps
--
-- Columns:
--   message  VARCHAR  What is doubtful, for people.
--   subject  VARCHAR  What was not heard.
--   reason   VARCHAR  What the API server said.
select
    gaps.subject || ' are missing, as there was no right to them (`zdtrace rbac` prints what is needed): '
    || min(trim(replace(gaps.reason, 'right missing:', ''))) as message,
    gaps.subject,
    min(trim(replace(gaps.reason, 'right missing:', ''))) as reason
from recording.gaps
where gaps.until_ns is null and starts_with(gaps.reason, 'right missing')
group by gaps.subject
order by gaps.subject
