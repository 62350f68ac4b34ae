-- Which fields the lines of each proxy log have, and so how sure a verdict can be that rests on them.
--
-- Grain:    one row per source that holds access-log lines
-- Reads:    recording.sources, recording.proxy_requests
-- Needs:    recording.proxy_requests
--
-- Columns:
--   source                     VARCHAR  Name of the source.
--   format                     VARCHAR  Its format.
--   proxy                      VARCHAR  Kind of proxy.
--   line_count                 BIGINT   Access-log lines.
--   client_id_count            BIGINT   Lines with the request id that the client sent.
--   address_count              BIGINT   Lines with the address of a pod.
--   connect_time_count         BIGINT   Lines with times to connect: they tell new connections to pods from reused ones.
--   connection_requests_count  BIGINT   Lines that tell new connections of clients from reused ones.
--   resolution_ms              DOUBLE   How much later than written the instants may be, at worst, ms.
--   best_tier                  VARCHAR  The best tier that a verdict from these lines can have: A, B or C.
with counted as (
    select
        proxy_requests.source_id,
        any_value(proxy_requests.proxy) as proxy,
        count(*) as line_count,
        count(proxy_requests.correlation_id) as client_id_count,
        count(proxy_requests.upstream_addresses) as address_count,
        count(*) filter (
            where regexp_matches(proxy_requests.upstream_connect_times_s, '[0-9]')
        ) as connect_time_count,
        count(proxy_requests.connection_requests) as connection_requests_count,
        max(coalesce(proxy_requests.resolution_ns, 0)) / 1e6 as resolution_ms
    from recording.proxy_requests
    group by proxy_requests.source_id
)

select
    sources.name as source,
    sources.format,
    counted.proxy,
    counted.line_count,
    counted.client_id_count,
    counted.address_count,
    counted.connect_time_count,
    counted.connection_requests_count,
    counted.resolution_ms,
    case
        when counted.address_count = 0 then 'C'
        when counted.client_id_count > 0 then 'A'
        else 'B'
    end as best_tier
from counted
inner join recording.sources on counted.source_id = sources.source_id
order by sources.name
