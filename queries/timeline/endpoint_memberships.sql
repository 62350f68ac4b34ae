-- When each address was in rotation for a Service: ready in one of its slices, as the recorder saw it.
--
-- Grain:    one row per slice, address and unbroken stretch of being ready
-- Reads:    staging.endpoint_versions
-- Needs:    staging.endpoint_versions
--
-- Columns:
--   namespace        VARCHAR  Namespace of the Service.
--   service_name     VARCHAR  Name of the Service.
--   slice_uid        VARCHAR  Slice that holds the address.
--   pod_ip           VARCHAR  The address.
--   pod_uid          VARCHAR  Pod behind it; null when the slice does not say.
--   from_lo_ns       BIGINT   Seen ready, earliest, reference clock; it may have been so before the first version seen.
--   from_hi_ns       BIGINT   Seen ready, latest.
--   until_lo_ns      BIGINT   Seen not ready any more, earliest; null while it lasts.
--   until_hi_ns      BIGINT   Seen not ready any more, latest.
--   reference        VARCHAR  Slice version that brought it in: `source:line`.
--   until_reference  VARCHAR  Slice version that took it out; null while it lasts.
with versions as (
    select distinct
        endpoint_versions.slice_uid,
        endpoint_versions.version,
        endpoint_versions.observed_lo_ns,
        endpoint_versions.observed_hi_ns,
        endpoint_versions.reference
    from staging.endpoint_versions
    where endpoint_versions.version is not null
),

numbered as (
    select
        versions.*,
        row_number() over (
            partition by versions.slice_uid order by versions.version, versions.reference
        ) as place
    from versions
),

ready as (
    select
        endpoint_versions.namespace,
        endpoint_versions.service_name,
        endpoint_versions.slice_uid,
        endpoint_versions.pod_ip,
        endpoint_versions.pod_uid,
        numbered.place,
        numbered.observed_lo_ns,
        numbered.observed_hi_ns,
        numbered.reference
    from staging.endpoint_versions
    inner join numbered
        on
            endpoint_versions.slice_uid = numbered.slice_uid
            and endpoint_versions.version = numbered.version
            and endpoint_versions.reference = numbered.reference
    where endpoint_versions.is_ready and endpoint_versions.pod_ip is not null
),

-- Versions that follow each other keep the difference between their number and the address' own count.
stretches as (
    select
        ready.*,
        ready.place
        - row_number() over (partition by ready.slice_uid, ready.pod_ip order by ready.place) as stretch
    from ready
),

bounds as (
    select
        stretches.namespace,
        stretches.service_name,
        stretches.slice_uid,
        stretches.pod_ip,
        any_value(stretches.pod_uid) as pod_uid,
        min(stretches.observed_lo_ns) as from_lo_ns,
        min(stretches.observed_hi_ns) as from_hi_ns,
        min_by(stretches.reference, stretches.place) as reference,
        max(stretches.place) + 1 as next_place
    from stretches
    group by
        stretches.namespace, stretches.service_name, stretches.slice_uid, stretches.pod_ip, stretches.stretch
)

select
    bounds.namespace,
    bounds.service_name,
    bounds.slice_uid,
    bounds.pod_ip,
    bounds.pod_uid,
    bounds.from_lo_ns,
    bounds.from_hi_ns,
    numbered.observed_lo_ns as until_lo_ns,
    numbered.observed_hi_ns as until_hi_ns,
    bounds.reference,
    numbered.reference as until_reference
from bounds
left outer join numbered
    on bounds.slice_uid = numbered.slice_uid and bounds.next_place = numbered.place
