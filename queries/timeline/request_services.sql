-- Which Services a failed request can have been for, by the host that it asked for: a Service's own name or address, or
-- one that an Ingress or route leads to. Requests of which nothing says so have no row.
--
-- Kind:     table
-- Grain:    one row per failed request and Service
-- Reads:    timeline.failures, staging.services, staging.route_versions
-- Needs:    timeline.failures
--
-- Columns:
--   request_id    VARCHAR  Key of timeline.failures.
--   namespace     VARCHAR  Namespace of the Service.
--   service_name  VARCHAR  Name of the Service.
with hosts as (
    select distinct
        failures.url,
        lower(regexp_extract(failures.url, '^[a-zA-Z]+://\[?([^/?#\]]+?)\]?(?::\d+)?(?:[/?#]|$)', 1)) as host
    from timeline.failures
    where contains(failures.url, '://')
),

asked as (
    select distinct hosts.host from hosts
    where hosts.host <> ''
),

answering as (
    select
        asked.host,
        services.namespace,
        services.service_name
    from asked
    inner join staging.services
        on
            list_contains(services.addresses, asked.host)
            or asked.host = services.service_name
            or starts_with(asked.host || '.', services.service_name || '.' || services.namespace || '.')
    union
    select
        asked.host,
        route_versions.namespace,
        unnest(route_versions.backends) as service_name
    from asked
    inner join staging.route_versions
        on
            list_contains(route_versions.hosts, asked.host)
            or list_contains(route_versions.hosts, '*.' || regexp_replace(asked.host, '^[^.]*[.]', ''))
)

select distinct
    failures.request_id,
    answering.namespace,
    answering.service_name
from timeline.failures
inner join hosts on failures.url = hosts.url
inner join answering on hosts.host = answering.host
