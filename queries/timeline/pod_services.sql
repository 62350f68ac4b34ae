-- Which Services sent requests to which pod, by their slices or, where there are none, by their selectors.
--
-- Kind:     table
-- Grain:    one row per pod and Service
-- Reads:    staging.endpoint_versions, staging.services, timeline.pod_lifecycles
--
-- Columns:
--   pod_uid               VARCHAR  UID of the pod.
--   namespace             VARCHAR  Namespace of both.
--   service_name          VARCHAR  Name of the Service.
--   is_not_ready_served   BOOLEAN  publishNotReadyAddresses: the endpoint stays ready, whatever the pod is.
--   is_sticky             BOOLEAN  sessionAffinity ClientIP.
--   reference             VARCHAR  Version of the Service: `source:line`; null when it was not recorded.
with members as (
    select distinct
        endpoint_versions.pod_uid,
        endpoint_versions.namespace,
        endpoint_versions.service_name
    from staging.endpoint_versions
    where endpoint_versions.pod_uid is not null
    union
    select
        pod_lifecycles.pod_uid,
        pod_lifecycles.namespace,
        services.service_name
    from timeline.pod_lifecycles
    inner join staging.services
        on
            pod_lifecycles.namespace = services.namespace
            and len(map_keys(services.selector)) > 0
            and list_has_all(map_entries(pod_lifecycles.labels), map_entries(services.selector))
),

latest as (
    select
        services.namespace,
        services.service_name,
        bool_or(services.is_not_ready_served) as is_not_ready_served,
        bool_or(services.is_sticky) as is_sticky,
        max_by(services.reference, services.version) as reference
    from staging.services
    group by services.namespace, services.service_name
)

select
    members.pod_uid,
    members.namespace,
    members.service_name,
    coalesce(latest.is_not_ready_served, false) as is_not_ready_served,
    coalesce(latest.is_sticky, false) as is_sticky,
    latest.reference
from members
left outer join latest
    on members.namespace = latest.namespace and members.service_name = latest.service_name
