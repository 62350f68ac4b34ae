-- The load test's log leaves failed requests out: what it does not show may have failed.
--
-- Severity: error
-- Grain:    one row per such source
-- Reads:    recording.sources, recording.requests
-- Needs:    recording.requests
--
-- Columns:
--   message        VARCHAR  What is doubtful, for people.
--   source         VARCHAR  Name of the source.
--   format         VARCHAR  Its format.
--   request_count  BIGINT   Requests that it does hold.
select
    '`' || sources.name || '` cannot show every failure: ' || sources.format
    || ' leaves out requests that got no answer' as message,
    sources.name as source,
    sources.format,
    sources.rows_kept as request_count
from recording.sources
semi join recording.requests on sources.source_id = requests.source_id
where not sources.shows_failures
