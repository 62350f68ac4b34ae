-- Every observed version of what leads requests to pods: Ingresses, routes of the Gateway API, Services.
--
-- Kind:     table
-- Grain:    one row per version
-- Reads:    recording.objects, staging.source_clocks
-- Needs:    recording.objects
--
-- Columns:
--   kind            VARCHAR    Ingress, HTTPRoute, GRPCRoute or Service.
--   namespace       VARCHAR    Namespace.
--   name            VARCHAR    Name.
--   reference       VARCHAR    Where the version stands: `source:line`.
--   event_type      VARCHAR    ADDED, MODIFIED, DELETED or LISTED.
--   version         UBIGINT    resourceVersion as a number.
--   observed_lo_ns  BIGINT     Earliest moment it was seen, reference clock; null when nobody noted it.
--   observed_hi_ns  BIGINT     Latest moment it was seen.
--   hosts           VARCHAR[]  Hosts that it answers to; none means all.
--   backends        VARCHAR[]  Services that it leads to, each once; of a Service none.
--   target          VARCHAR    What decides where its requests go, as JSON: rules, or a Service's selector and ports.
--   release         VARCHAR    Helm release that it belongs to; null when none.
with parsed as (
    select
        objects.kind,
        objects.namespace,
        objects.name,
        objects.event_type,
        objects.resource_version,
        objects.observed_at_ns,
        objects.source_id,
        objects.line,
        try(coalesce(
            objects.object -> '$.spec.selector',
            objects.object -> '$.spec.rules',
            objects.object -> '$.spec.defaultBackend'
        )::varchar) as rules,
        try((objects.object -> '$.spec.ports')::varchar) as ports,
        try(objects.object ->> '$.spec.rules[*].host') as rule_hosts,
        try(objects.object ->> '$.spec.hostnames[*]') as hostnames,
        try(objects.object ->> '$.spec.rules[*].http.paths[*].backend.service.name') as rule_backends,
        try(objects.object ->> '$.spec.rules[*].backendRefs[*].name') as referred_backends,
        try(objects.object ->> '$.spec.defaultBackend.service.name') as default_backend,
        try(objects.object ->> '$.metadata.annotations."meta.helm.sh/release-name"') as release
    from recording.objects
    where objects.kind in ('Ingress', 'HTTPRoute', 'GRPCRoute', 'Service')
    qualify row_number() over (
        partition by objects.uid, objects.resource_version, objects.event_type
        order by objects.observed_at_ns nulls last, objects.source_id, objects.line
    ) = 1
)

select
    parsed.kind,
    parsed.namespace,
    parsed.name,
    source_clocks.source || ':' || parsed.line as reference,
    parsed.event_type,
    try_cast(parsed.resource_version as ubigint) as version,
    parsed.observed_at_ns - source_clocks.offset_hi_ns as observed_lo_ns,
    parsed.observed_at_ns - source_clocks.offset_lo_ns as observed_hi_ns,
    list_distinct(list_concat(parsed.rule_hosts, parsed.hostnames)) as hosts,
    list_sort(list_distinct(list_concat(
        parsed.rule_backends, parsed.referred_backends, [parsed.default_backend]
    ))) as backends,
    concat_ws(' ', parsed.rules, case when parsed.kind = 'Service' then parsed.ports end) as target,
    parsed.release
from parsed
inner join staging.source_clocks on parsed.source_id = source_clocks.source_id
