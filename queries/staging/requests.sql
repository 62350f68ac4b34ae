-- What counts as a request: the clients' own logs, or the proxies' when no client logged anything.
--
-- A request failed when it got no status, or 5xx, or 429, or a body that was cut short. A proxy's 499 means that its
-- client gave up without an answer.
--
-- Grain:    one row per request
-- Reads:    recording.requests, recording.proxy_requests
--
-- Columns:
--   source_id       INTEGER  Source of the line.
--   line            BIGINT   Line in that source, from 1.
--   started_at_ns   BIGINT   Start on the source's clock, ns since 1970 UTC.
--   ended_at_ns     BIGINT   End on the source's clock, ns since 1970 UTC.
--   resolution_ns   BIGINT   How much later than written the instants may be, ns.
--   status          INTEGER  Status; null when none came.
--   error           VARCHAR  The client's words for what went wrong; null when it saw none.
--   is_truncated    BOOLEAN  The body was cut short; null when the log cannot tell.
--   is_failed       BOOLEAN  Whether the request failed.
--   method          VARCHAR  HTTP method; null when not logged.
--   url             VARCHAR  URL or path; null when not logged.
--   correlation_id  VARCHAR  Id shared with the proxy's log; null when none.
--   thread          VARCHAR  The client's worker; null when not logged.
--   pod_name        VARCHAR  Pod that answered, by its own word; null when not known.
--   is_proxy_line   BOOLEAN  The row is a proxy's line, because no client logged.
select
    requests.source_id,
    requests.line,
    requests.started_at_ns,
    requests.ended_at_ns,
    requests.resolution_ns,
    requests.status,
    requests.error,
    requests.is_truncated,
    (
        coalesce(requests.status >= 500 or requests.status = 429, requests.error is not null)
        or coalesce(requests.is_truncated, false)
    ) as is_failed,
    requests.method,
    requests.url,
    requests.correlation_id,
    requests.thread,
    requests.pod_name,
    false as is_proxy_line
from recording.requests
union all
select
    proxy_requests.source_id,
    proxy_requests.line,
    proxy_requests.started_at_ns,
    proxy_requests.ended_at_ns,
    proxy_requests.resolution_ns,
    proxy_requests.status,
    null as error,
    proxy_requests.is_truncated,
    (
        coalesce(proxy_requests.status >= 500 or proxy_requests.status in (429, 499), true)
        or coalesce(proxy_requests.is_truncated, false)
    ) as is_failed,
    proxy_requests.method,
    proxy_requests.path as url,
    proxy_requests.correlation_id,
    null as thread,
    null as pod_name,
    true as is_proxy_line
from recording.proxy_requests
where not getvariable('has_client_requests')
