-- Where the failures were: by status, route, pod, node, and by whether the client's connection to the proxy was a new one.
--
-- Grain:    one row per dimension and value that lost requests, most losses first, ten a dimension
-- Reads:    findings.verdicts, timeline.failures, timeline.pod_lifecycles, staging.requests, staging.connections
-- Needs:    findings.verdicts
--
-- Columns:
--   dimension      VARCHAR  status, route, pod, node or connection.
--   value          VARCHAR  Its value; `none` for no status, `unknown` where it was not logged.
--   failed_count   BIGINT   Failed requests.
--   request_count  BIGINT   All requests of that value; null where only the failed ones are known.
with failed as (
    select
        coalesce(verdicts.status::varchar, 'none') as status,
        route_of(failures.url) as route,
        verdicts.pod_name,
        pod_lifecycles.node_name,
        case when connections.is_new then 'new' when not connections.is_new then 'reused' end as connection
    from findings.verdicts
    inner join timeline.failures on verdicts.request_id = failures.request_id
    left outer join timeline.pod_lifecycles on verdicts.pod_uid = pod_lifecycles.pod_uid
    left outer join staging.connections on verdicts.proxy_ref = connections.reference
),

by_dimension as (
    select
        failed.*,
        unnest(['status', 'route', 'pod', 'node', 'connection']) as dimension
    from failed
),

valued as (
    select
        by_dimension.dimension,
        coalesce(
            case by_dimension.dimension
                when 'status' then by_dimension.status
                when 'route' then nullif(by_dimension.route, '')
                when 'pod' then by_dimension.pod_name
                when 'node' then by_dimension.node_name
                else by_dimension.connection
            end, 'unknown'
        ) as value
    from by_dimension
),

counted as (
    select
        valued.dimension,
        valued.value,
        count(*) as failed_count
    from valued
    group by valued.dimension, valued.value
),

routes as (
    select
        route_of(urls.url) as route,
        sum(urls.request_count)::bigint as request_count
    from (
        select
            requests.url,
            count(*) as request_count
        from staging.requests
        where requests.url is not null
        group by requests.url
    ) as urls
    group by route_of(urls.url)
)

select
    counted.dimension,
    counted.value,
    counted.failed_count,
    case when counted.dimension = 'route' then routes.request_count end as request_count
from counted
left outer join routes on counted.dimension = 'route' and counted.value = routes.route
qualify
    row_number() over (partition by counted.dimension order by counted.failed_count desc, counted.value asc)
    <= 10
order by counted.dimension asc, counted.failed_count desc, counted.value asc
