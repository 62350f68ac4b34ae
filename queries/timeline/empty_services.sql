-- When a Service had no ready endpoint at all.
--
-- Kind:     table
-- Grain:    one row per Service and stretch without a ready endpoint
-- Reads:    staging.endpoint_versions
-- Needs:    staging.endpoint_versions
--
-- Columns:
--   namespace     VARCHAR  Namespace of the Service.
--   service_name  VARCHAR  Name of the Service.
--   from_lo_ns    BIGINT   The last ready endpoint went away, earliest, reference clock.
--   until_hi_ns   BIGINT   One was ready again; null when none was seen to be.
--   reference     VARCHAR  Slice version that shows it: `source:line`.
with versions as (
    select
        endpoint_versions.namespace,
        endpoint_versions.service_name,
        endpoint_versions.slice_uid,
        endpoint_versions.version,
        endpoint_versions.reference,
        endpoint_versions.observed_lo_ns,
        endpoint_versions.observed_hi_ns,
        count(*) filter (where endpoint_versions.is_ready) as ready_count
    from staging.endpoint_versions
    where endpoint_versions.observed_lo_ns is not null
    group by all
),

changes as (
    select
        versions.*,
        versions.ready_count - coalesce(
            lag(versions.ready_count) over (partition by versions.slice_uid order by versions.version), 0
        ) as change
    from versions
),

totals as (
    select
        changes.*,
        sum(changes.change) over in_service as ready_in_service,
        lead(changes.observed_hi_ns) over in_service as next_hi_ns
    from changes
    window
        in_service as (
            partition by changes.namespace, changes.service_name
            order by changes.observed_lo_ns, changes.version
        )
),

islands as (
    select
        totals.*,
        count(*) filter (where totals.ready_in_service > 0) over (
            partition by totals.namespace, totals.service_name order by totals.observed_lo_ns, totals.version
        ) as island
    from totals
)

select
    islands.namespace,
    islands.service_name,
    min(islands.observed_lo_ns)::bigint as from_lo_ns,
    case when bool_and(islands.next_hi_ns is not null) then max(islands.next_hi_ns) end::bigint
        as until_hi_ns,
    min_by(islands.reference, islands.observed_lo_ns) as reference
from islands
where islands.ready_in_service = 0
group by islands.namespace, islands.service_name, islands.island
