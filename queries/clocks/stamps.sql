-- Instants that the cluster's clocks wrote into objects, each beside the moment at which the recorder saw it.
--
-- Kubernetes cuts most of them off to whole seconds. Names of Events hold nanoseconds of whoever emitted them, Leases
-- microseconds of their node.
--
-- Kind:     table
-- Grain:    one row per object version and stamp
-- Reads:    recording.objects, recording.sources, recording.api_requests
-- Needs:    recording.objects
--
-- Columns:
--   clock           VARCHAR  Clock that wrote the stamp: apiserver, controllers, node.
--   node_name       VARCHAR  The node whose clock it is; null for other clocks.
--   stamp           VARCHAR  created, deleted, emitted, renewed, changed.
--   kind            VARCHAR  Kind of the object.
--   uid             VARCHAR  UID of the object; for an Event that of the object which it is about.
--   reason          VARCHAR  Reason of an Event; null for others.
--   written_lo_ns   BIGINT   The stamp, earliest, on that clock.
--   written_hi_ns   BIGINT   The stamp, latest.
--   seen_ns         BIGINT   When the recorder saw it, its clock; null when nobody noted it.
--   seen_by         VARCHAR  The recorder's clock.
--   created_ns      BIGINT   When the API server wrote the object down first, whole seconds; null when it does not say.
with versions as (
    select
        objects.kind,
        objects.uid,
        objects.namespace,
        objects.name,
        objects.observed_at_ns,
        sources.clock as seen_by,
        second_ns(objects.object ->> '$.metadata.creationTimestamp') as created_ns,
        case
            when objects.kind = 'Event'
                then {
                    'reason': objects.object ->> '$.reason',
                    'component': coalesce(
                        nullif(objects.object ->> '$.source.component', ''),
                        nullif(objects.object ->> '$.reportingComponent', ''),
                        objects.object ->> '$.reportingController'
                    ),
                    'host': coalesce(
                        nullif(objects.object ->> '$.source.host', ''),
                        objects.object ->> '$.reportingInstance'
                    ),
                    'message': coalesce(objects.object ->> '$.message', objects.object ->> '$.note'),
                    'about': coalesce(
                        objects.object ->> '$.involvedObject.uid', objects.object ->> '$.regarding.uid'
                    )
                }
        end as event,
        case
            when objects.kind = 'Pod' and objects.api_version = 'v1'
                then {
                    'node_name': objects.object ->> '$.spec.nodeName',
                    -- What the kubelet ended by itself (evicted, shut down) was killed before it was deleted.
                    'deadline_ns': case
                        when objects.object ->> '$.status.reason' is null
                            then second_ns(objects.object ->> '$.metadata.deletionTimestamp')
                    end,
                    'grace_s': try_cast(
                        objects.object ->> '$.metadata.deletionGracePeriodSeconds' as bigint
                    ),
                    'changed_ns': list_max(list_transform(
                        coalesce(
                            try(from_json(
                                objects.object -> '$.status.conditions',
                                '[{"type": "VARCHAR", "lastTransitionTime": "VARCHAR"}]'
                            )),
                            []
                        ),
                        -- Those that nobody but the kubelet writes.
                        lambda condition: case
                            when
                                condition.type in (
                                    'ContainersReady', 'PodReadyToStartContainers', 'Initialized'
                                )
                                then second_ns(condition.lasttransitiontime)
                        end
                    ))
                }
        end as pod,
        case
            when objects.kind = 'Lease' and objects.namespace = 'kube-node-lease'
                then second_ns(objects.object ->> '$.spec.renewTime')
        end as renewed_ns
    from recording.objects
    inner join recording.sources on objects.source_id = sources.source_id
    where objects.kind in ('Event', 'Pod', 'Lease')
),

-- The audit log dates to the microsecond what `deletionTimestamp` cuts off to a second.
deletions as (
    select
        api_requests.namespace,
        api_requests.name,
        api_requests.received_at_ns
    from recording.api_requests
    where
        api_requests.resource = 'pods'
        and api_requests.status between 200 and 299
        and (
            (api_requests.verb = 'delete' and api_requests.subresource is null)
            or (api_requests.verb = 'create' and api_requests.subresource = 'eviction')
        )
),

deleted as (
    select
        versions.*,
        versions.pod.deadline_ns - versions.pod.grace_s * 1000000000 as floor_ns,
        (
            select min(deletions.received_at_ns)
            from deletions
            where
                deletions.namespace = versions.namespace
                and deletions.name = versions.name
                and deletions.received_at_ns between
                versions.pod.deadline_ns - versions.pod.grace_s * 1000000000
                and versions.pod.deadline_ns - versions.pod.grace_s * 1000000000 + 999999999
        ) as asked_ns
    from versions
    where versions.pod.deadline_ns is not null and versions.pod.grace_s is not null
)

select
    'apiserver' as clock,
    null as node_name,
    'created' as stamp,
    versions.kind,
    versions.uid,
    null as reason,
    versions.created_ns as written_lo_ns,
    versions.created_ns + 1000000000 as written_hi_ns,
    versions.observed_at_ns as seen_ns,
    versions.seen_by,
    versions.created_ns
from versions
where versions.created_ns is not null
union all
select
    'apiserver' as clock,
    null as node_name,
    'deleted' as stamp,
    deleted.kind,
    deleted.uid,
    null as reason,
    coalesce(deleted.asked_ns, deleted.floor_ns) as written_lo_ns,
    deleted.floor_ns + 1000000000 as written_hi_ns,
    deleted.observed_at_ns as seen_ns,
    deleted.seen_by,
    deleted.created_ns
from deleted
union all
select
    case when versions.event.component = 'kubelet' then 'node' else 'controllers' end as clock,
    case when versions.event.component = 'kubelet' then versions.event.host end as node_name,
    'emitted' as stamp,
    versions.kind,
    versions.event.about as uid,
    -- A container that failed a probe is killed, too, but not for a deletion.
    case
        when versions.event.reason <> 'Killing' or starts_with(versions.event.message, 'Stopping container')
            then versions.event.reason
    end as reason,
    event_name_ns(versions.name) as written_lo_ns,
    event_name_ns(versions.name) as written_hi_ns,
    versions.observed_at_ns as seen_ns,
    versions.seen_by,
    versions.created_ns
from versions
where versions.kind = 'Event' and event_name_ns(versions.name) is not null
union all
select
    'node' as clock,
    versions.name as node_name,
    'renewed' as stamp,
    versions.kind,
    versions.uid,
    null as reason,
    versions.renewed_ns as written_lo_ns,
    versions.renewed_ns + 1000 as written_hi_ns,
    versions.observed_at_ns as seen_ns,
    versions.seen_by,
    versions.created_ns
from versions
where versions.renewed_ns is not null
union all
select
    'node' as clock,
    versions.pod.node_name,
    'changed' as stamp,
    versions.kind,
    versions.uid,
    null as reason,
    versions.pod.changed_ns as written_lo_ns,
    versions.pod.changed_ns + 1000000000 as written_hi_ns,
    versions.observed_at_ns as seen_ns,
    versions.seen_by,
    versions.created_ns
from versions
where versions.pod.changed_ns is not null and versions.pod.node_name is not null
