-- Requests that failed, on the reference clock, with what the client could tell.
--
-- Kind:     table
-- Grain:    one row per failed request
-- Reads:    staging.requests, staging.source_clocks, staging.client_messages
-- Needs:    staging.requests
--
-- Columns:
--   request_id      VARCHAR  `source:line`: which line of which file.
--   source_id       INTEGER  Source of the line.
--   source          VARCHAR  Name of the source.
--   line            BIGINT   Line in that source, from 1.
--   started_at_ns   BIGINT   Start as the source wrote it, its own clock, ns since 1970 UTC.
--   ended_at_ns     BIGINT   End as the source wrote it, its own clock, ns since 1970 UTC.
--   started_lo_ns   BIGINT   Start, earliest, reference clock.
--   started_hi_ns   BIGINT   Start, latest.
--   ended_lo_ns     BIGINT   End, earliest.
--   ended_hi_ns     BIGINT   End, latest.
--   status          INTEGER  Status; null when none came.
--   error           VARCHAR  The client's words, from the request's line or from its messages; null when it had none.
--   symptom         VARCHAR  Those words as one word: refused, reset, unreachable, timeout, …; null when they say nothing.
--   is_truncated    BOOLEAN  The body was cut short.
--   correlation_id  VARCHAR  Id shared with the proxy's log; null when none.
--   pod_name        VARCHAR  Pod that answered, by its own word; null when not known.
--   method          VARCHAR  HTTP method; null when not logged.
--   url             VARCHAR  URL or path; null when not logged.
--   is_proxy_line   BOOLEAN  The row is a proxy's line, because no client logged.
with error_messages as (
    select
        client_messages.thread,
        client_messages.logged_at_ns,
        client_messages.message
    from staging.client_messages
    where client_messages.is_error
),

-- Only requests without a status need their worker's words; the others are read without the column for workers.
messages as (
    select
        requests.source_id,
        requests.line,
        error_messages.message
    from staging.requests
    asof inner join error_messages
        on
            requests.thread = error_messages.thread
            and requests.ended_at_ns + 20000000 >= error_messages.logged_at_ns
    where
        requests.is_failed
        and requests.status is null
        and error_messages.logged_at_ns >= requests.started_at_ns - 1000000
),

failed_requests as (
    select
        requests.source_id,
        requests.line,
        requests.started_at_ns,
        requests.ended_at_ns,
        requests.resolution_ns,
        requests.status,
        requests.error,
        requests.is_truncated,
        requests.correlation_id,
        requests.pod_name,
        requests.method,
        requests.url,
        requests.is_proxy_line
    from staging.requests
    where requests.is_failed
)

select
    source_clocks.source || ':' || failed_requests.line as request_id,
    failed_requests.source_id,
    source_clocks.source,
    failed_requests.line,
    failed_requests.started_at_ns,
    failed_requests.ended_at_ns,
    failed_requests.started_at_ns - source_clocks.offset_hi_ns as started_lo_ns,
    failed_requests.started_at_ns
    + coalesce(failed_requests.resolution_ns, 0)
    - source_clocks.offset_lo_ns as started_hi_ns,
    failed_requests.ended_at_ns - source_clocks.offset_hi_ns as ended_lo_ns,
    failed_requests.ended_at_ns
    + coalesce(failed_requests.resolution_ns, 0)
    - source_clocks.offset_lo_ns as ended_hi_ns,
    failed_requests.status,
    coalesce(messages.message, failed_requests.error) as error,
    case
        when coalesce(failed_requests.is_truncated, false) then 'truncated'
        when failed_requests.status is null
            then coalesce(symptom_of_text(messages.message), symptom_of_text(failed_requests.error))
    end as symptom,
    coalesce(failed_requests.is_truncated, false) as is_truncated,
    failed_requests.correlation_id,
    failed_requests.pod_name,
    failed_requests.method,
    failed_requests.url,
    failed_requests.is_proxy_line
from failed_requests
inner join staging.source_clocks on failed_requests.source_id = source_clocks.source_id
left outer join messages
    on failed_requests.source_id = messages.source_id and failed_requests.line = messages.line
