-- When an Ingress, a route or a Service was led elsewhere: other rules, another selector, or taken away.
--
-- Kind:     table
-- Grain:    one row per change
-- Reads:    staging.route_versions
-- Needs:    staging.route_versions
--
-- Columns:
--   kind           VARCHAR    Ingress, HTTPRoute, GRPCRoute or Service.
--   namespace      VARCHAR    Namespace.
--   name           VARCHAR    Name.
--   changed_lo_ns  BIGINT     Seen changed, earliest, reference clock.
--   changed_hi_ns  BIGINT     Seen changed, latest.
--   backends       VARCHAR[]  Services that it led to before or leads to now; a Service leads to itself.
--   release        VARCHAR    Helm release that it belongs to; null when none.
--   what           VARCHAR    In words: which object, and what was done to it.
--   reference      VARCHAR    Version that shows it: `source:line`.
with followed as (
    select
        route_versions.*,
        lag(route_versions.target) over versions as target_before,
        lag(route_versions.backends) over versions as backends_before,
        lag(route_versions.reference) over versions as reference_before
    from staging.route_versions
    window
        versions as (
            partition by route_versions.kind, route_versions.namespace, route_versions.name
            order by route_versions.version, route_versions.reference
        )
)

select
    followed.kind,
    followed.namespace,
    followed.name,
    followed.observed_lo_ns as changed_lo_ns,
    followed.observed_hi_ns as changed_hi_ns,
    case
        when followed.kind = 'Service' then [followed.name]
        else list_sort(list_distinct(list_concat(followed.backends, followed.backends_before)))
    end as backends,
    followed.release,
    followed.kind || ' ' || followed.name
    || case
        when followed.event_type = 'DELETED' then ' was taken away'
        when followed.kind = 'Service' then ' selects other pods or ports'
        else ' leads elsewhere'
    end
    || coalesce(' (Helm release ' || followed.release || ')', '') as what,
    followed.reference
from followed
where
    followed.reference_before is not null
    and followed.observed_lo_ns is not null
    and (
        followed.event_type = 'DELETED'
        or followed.target <> followed.target_before
    )
