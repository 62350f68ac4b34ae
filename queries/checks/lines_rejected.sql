-- Lines that could not be read: what they would have told is missing.
--
-- Severity: warning
-- Grain:    one row per source with such lines
-- Reads:    recording.sources, recording.rejects
-- Needs:    recording.rejects
--
-- Columns:
--   message        VARCHAR  What is doubtful, for people.
--   source         VARCHAR  Name of the source.
--   rejected_count BIGINT   Lines that could not be read.
--   line_count     BIGINT   Lines that should have been.
--   reason         VARCHAR  The reason that most of them have.
select
    sources.rejects || ' of ' || sources.rows_in || ' lines of `' || sources.name
    || '` could not be read, most for: ' || mode(rejects.reason) as message,
    sources.name as source,
    sources.rejects as rejected_count,
    sources.rows_in as line_count,
    mode(rejects.reason) as reason
from recording.sources
inner join recording.rejects on sources.source_id = rejects.source_id
group by sources.name, sources.rejects, sources.rows_in
order by sources.rejects desc, sources.name asc
