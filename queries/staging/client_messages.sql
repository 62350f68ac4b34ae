-- What a load test said beside its per-request log.
--
-- Grain:    one row per message
-- Reads:    recording.client_messages
-- Needs:    recording.client_messages
--
-- Columns:
--   source_id      INTEGER  Source of the message.
--   line           BIGINT   Line in that source.
--   logged_at_ns   BIGINT   When it was said, client's clock, ns since 1970 UTC.
--   resolution_ns  BIGINT   How much later than written it may be, ns.
--   is_error       BOOLEAN  Its level says that something went wrong.
--   thread         VARCHAR  Worker that said it.
--   message        VARCHAR  The text.
select
    client_messages.source_id,
    client_messages.line,
    client_messages.logged_at_ns,
    client_messages.resolution_ns,
    coalesce(client_messages.level in ('err', 'error', 'crit'), false) as is_error,
    client_messages.thread,
    client_messages.message
from recording.client_messages
