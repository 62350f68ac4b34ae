-- Every observed version of every Service, the fields that decide where its requests go.
--
-- Kind:     table
-- Grain:    one row per Service version
-- Reads:    recording.objects, staging.source_clocks
-- Needs:    recording.objects
--
-- Columns:
--   namespace             VARCHAR    Namespace.
--   service_name          VARCHAR    Name.
--   reference             VARCHAR    Where the version stands: `source:line`.
--   version               UBIGINT    resourceVersion as a number.
--   observed_hi_ns        BIGINT     Latest moment it was seen, reference clock.
--   addresses             VARCHAR[]  Cluster addresses, external ones and those of load balancers.
--   node_ports            BIGINT[]   Ports that every node opens for it.
--   is_not_ready_served   BOOLEAN    publishNotReadyAddresses: endpoints stay ready, whatever their pods are.
--   is_sticky             BOOLEAN    sessionAffinity ClientIP: a client goes where it went before.
--   selector              MAP(VARCHAR, VARCHAR)  Labels that its pods have; null when somebody else fills its slices.
with parsed as (
    select
        objects.namespace,
        objects.name,
        objects.resource_version,
        objects.observed_at_ns,
        objects.source_id,
        objects.line,
        try(from_json(
            objects.object,
            '{"metadata": {"annotations": "MAP(VARCHAR, VARCHAR)"}, "spec": {"clusterIP": "VARCHAR",
            "clusterIPs": ["VARCHAR"], "externalIPs": ["VARCHAR"], "sessionAffinity": "VARCHAR",
            "publishNotReadyAddresses": "BOOLEAN", "selector": "MAP(VARCHAR, VARCHAR)",
            "ports": [{"nodePort": "BIGINT"}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "VARCHAR", "hostname": "VARCHAR"}]}}}'
        )) as service
    from recording.objects
    where objects.kind = 'Service' and objects.api_version = 'v1'
    qualify row_number() over (
        partition by objects.uid, objects.resource_version
        order by objects.observed_at_ns nulls last, objects.source_id, objects.line
    ) = 1
)

select
    parsed.namespace,
    parsed.name as service_name,
    source_clocks.source || ':' || parsed.line as reference,
    try_cast(parsed.resource_version as ubigint) as version,
    parsed.observed_at_ns - source_clocks.offset_lo_ns as observed_hi_ns,
    list_distinct(list_concat(
        [parsed.service.spec.clusterip],
        coalesce(parsed.service.spec.clusterips, []),
        coalesce(parsed.service.spec.externalips, []),
        flatten(list_transform(
            coalesce(parsed.service.status.loadbalancer.ingress, []), lambda entry: [entry.ip, entry.hostname]
        ))
    )) as addresses,
    list_transform(
        list_filter(parsed.service.spec.ports, lambda port: port.nodeport is not null),
        lambda port: port.nodeport
    ) as node_ports,
    (
        coalesce(parsed.service.spec.publishnotreadyaddresses, false)
        or coalesce(
            parsed.service.metadata.annotations['service.alpha.kubernetes.io/tolerate-unready-endpoints']
            = 'true',
            false
        )
    ) as is_not_ready_served,
    coalesce(parsed.service.spec.sessionaffinity = 'ClientIP', false) as is_sticky,
    parsed.service.spec.selector
from parsed
inner join staging.source_clocks on parsed.source_id = source_clocks.source_id
where parsed.service is not null
