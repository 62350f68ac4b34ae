-- Every observed version of every EndpointSlice (or Endpoints, where there are no slices), one row an address.
--
-- Kind:     table
-- Grain:    one row per slice version and address; one with a null address for a version without any
-- Reads:    recording.objects, staging.source_clocks
-- Needs:    recording.objects
--
-- Columns:
--   slice_uid       VARCHAR  UID of the slice.
--   reference       VARCHAR  Where the version stands: `source:line`.
--   namespace       VARCHAR  Namespace.
--   service_name    VARCHAR  Service it belongs to.
--   version         UBIGINT  resourceVersion as a number.
--   event_type      VARCHAR  ADDED, MODIFIED, DELETED or LISTED.
--   observed_lo_ns  BIGINT   Earliest moment it was seen, reference clock.
--   observed_hi_ns  BIGINT   Latest moment it was seen, reference clock.
--   pod_ip          VARCHAR  Address; null for a version without addresses.
--   pod_uid         VARCHAR  Pod behind the address; null when it does not say.
--   is_ready        BOOLEAN  Condition ready: may get new requests.
--   is_terminating  BOOLEAN  Condition terminating; null in the old Endpoints.
with parsed as (
    select
        objects.uid,
        objects.kind,
        objects.namespace,
        objects.name,
        objects.event_type,
        objects.observed_at_ns,
        objects.resource_version,
        objects.source_id,
        objects.line,
        try(from_json(
            objects.object,
            '{"metadata": {"labels": "MAP(VARCHAR, VARCHAR)"}, "endpoints": [{"addresses": ["VARCHAR"],
            "conditions": {"ready": "BOOLEAN", "serving": "BOOLEAN", "terminating": "BOOLEAN"},
            "targetRef": {"uid": "VARCHAR"}}], "subsets": [{"addresses": [{"ip": "VARCHAR", "targetRef":
            {"uid": "VARCHAR"}}], "notReadyAddresses": [{"ip": "VARCHAR", "targetRef": {"uid": "VARCHAR"}}]}]}'
        )) as slice
    from recording.objects
    where
        objects.kind = 'EndpointSlice'
        or (
            objects.kind = 'Endpoints'
            and not exists (
                select 1 from recording.objects as others
                where others.kind = 'EndpointSlice'
            )
        )
    qualify row_number() over (
        partition by objects.uid, objects.resource_version, objects.event_type
        order by objects.observed_at_ns nulls last, objects.source_id, objects.line
    ) = 1
),

addressed as (
    select
        parsed.uid,
        parsed.kind,
        parsed.namespace,
        parsed.name,
        parsed.event_type,
        parsed.observed_at_ns,
        parsed.resource_version,
        parsed.source_id,
        parsed.line,
        parsed.slice.metadata.labels['kubernetes.io/service-name'] as labelled_service,
        case when parsed.event_type = 'DELETED' then [] else list_concat(
            list_transform(coalesce(parsed.slice.endpoints, []), lambda endpoint: {
                'ip': endpoint.addresses[1],
                'uid': endpoint.targetref.uid,
                'is_ready': coalesce(endpoint.conditions.ready, true),
                'is_terminating': coalesce(endpoint.conditions.terminating, false)
            }),
            flatten(list_transform(coalesce(parsed.slice.subsets, []), lambda subset: list_concat(
                list_transform(coalesce(subset.addresses, []), lambda address: {
                    'ip': address.ip,
                    'uid': address.targetref.uid,
                    'is_ready': true,
                    'is_terminating': null::boolean
                }),
                list_transform(coalesce(subset.notreadyaddresses, []), lambda address: {
                    'ip': address.ip,
                    'uid': address.targetref.uid,
                    'is_ready': false,
                    'is_terminating': null::boolean
                })
            )))
        ) end as addresses
    from parsed
    where parsed.slice is not null
),

entries as (
    select
        addressed.*,
        -- A version without addresses keeps its row: it tells that there were none.
        unnest(case when len(addressed.addresses) = 0 then [null] else addressed.addresses end) as endpoint
    from addressed
)

select
    entries.uid as slice_uid,
    source_clocks.source || ':' || entries.line as reference,
    entries.namespace,
    coalesce(entries.labelled_service, entries.name) as service_name,
    try_cast(entries.resource_version as ubigint) as version,
    entries.event_type,
    entries.observed_at_ns - source_clocks.offset_hi_ns as observed_lo_ns,
    entries.observed_at_ns - source_clocks.offset_lo_ns as observed_hi_ns,
    entries.endpoint.ip as pod_ip,
    entries.endpoint.uid as pod_uid,
    entries.endpoint.is_ready,
    entries.endpoint.is_terminating
from entries
inner join staging.source_clocks on entries.source_id = source_clocks.source_id
