-- What nodes and others told of them: when each was last heard of, and when its Ready condition changed.
--
-- Kind:     table
-- Grain:    one row per observed version of a Node or of its Lease
-- Reads:    recording.objects, staging.source_clocks, staging.clock_offsets
-- Needs:    recording.objects
--
-- Columns:
--   node_name       VARCHAR  Name of the node.
--   reference       VARCHAR  Where the version stands: `source:line`.
--   kind            VARCHAR  Node or Lease.
--   observed_hi_ns  BIGINT   Latest moment it was seen, reference clock.
--   renewed_lo_ns   BIGINT   A Lease: the node's own kubelet renewed it, earliest, reference clock; null for a Node.
--   ready_status    VARCHAR  A Node: True, False or Unknown; null for a Lease.
--   ready_reason    VARCHAR  Why, as the condition says: KubeletReady, NodeStatusUnknown, KubeletNotReady.
--   ready_lo_ns     BIGINT   Since when, earliest, reference clock; null for a Lease.
--   is_cordoned     BOOLEAN  A Node: no new pods are put on it, as before a drain; null for a Lease.
with parsed as (
    select
        objects.kind,
        objects.name,
        objects.observed_at_ns,
        objects.source_id,
        objects.line,
        try(from_json(
            objects.object,
            '{"spec": {"renewTime": "VARCHAR", "unschedulable": "BOOLEAN"}, "status": {"conditions": [
            {"type": "VARCHAR", "status": "VARCHAR", "reason": "VARCHAR", "lastTransitionTime": "VARCHAR"}]}}'
        )) as sign
    from recording.objects
    where
        (objects.kind = 'Node' and objects.api_version = 'v1')
        or (objects.kind = 'Lease' and objects.namespace = 'kube-node-lease')
),

conditions as (
    select
        parsed.*,
        list_filter(parsed.sign.status.conditions, lambda condition: condition.type = 'Ready')[1] as ready
    from parsed
    where parsed.sign is not null
)

select
    conditions.name as node_name,
    source_clocks.source || ':' || conditions.line as reference,
    conditions.kind,
    conditions.observed_at_ns - source_clocks.offset_lo_ns as observed_hi_ns,
    case
        when conditions.kind = 'Lease'
            then second_ns(conditions.sign.spec.renewtime) - node_offsets.offset_hi_ns
    end as renewed_lo_ns,
    conditions.ready.status as ready_status,
    conditions.ready.reason as ready_reason,
    second_ns(conditions.ready.lasttransitiontime) - api_offsets.offset_hi_ns as ready_lo_ns,
    case
        when conditions.kind = 'Node' then coalesce(conditions.sign.spec.unschedulable, false)
    end as is_cordoned
from conditions
inner join staging.source_clocks on conditions.source_id = source_clocks.source_id
inner join staging.clock_offsets as api_offsets on api_offsets.clock = 'apiserver'
inner join staging.clock_offsets as node_offsets on node_offsets.clock = 'node'
