-- When a node was not heard of any more: it was switched off, cut off or taken away, and its pods with it.
--
-- Kind:     table
-- Grain:    one row per node and outage
-- Reads:    staging.node_signs
-- Needs:    staging.node_signs
--
-- Columns:
--   node_name     VARCHAR  Name of the node.
--   from_lo_ns    BIGINT   It was last heard of, reference clock: its Lease was last renewed, or 40 s before others noticed.
--   noticed_ns    BIGINT   The control plane noticed, earliest, reference clock.
--   until_hi_ns   BIGINT   It was heard of again, latest; null when it was not.
--   reference     VARCHAR  Version of the Node that tells of it: `source:line`.
with silences as (
    -- Ready is Unknown when the kubelet stopped to report; False is the kubelet's own word, so it lives.
    select
        node_signs.node_name,
        node_signs.ready_lo_ns as noticed_ns,
        min(node_signs.reference) as reference
    from staging.node_signs
    where node_signs.ready_status = 'Unknown' and node_signs.ready_lo_ns is not null
    group by node_signs.node_name, node_signs.ready_lo_ns
)

select
    silences.node_name,
    coalesce(
        (
            select max(node_signs.renewed_lo_ns)
            from staging.node_signs
            where
                node_signs.node_name = silences.node_name
                and node_signs.renewed_lo_ns <= silences.noticed_ns
        ),
        -- What the node controller waits by default before it calls a node lost.
        silences.noticed_ns - 40000000000
    )::bigint as from_lo_ns,
    silences.noticed_ns::bigint as noticed_ns,
    (
        select min(node_signs.observed_hi_ns)
        from staging.node_signs
        where
            node_signs.node_name = silences.node_name
            and node_signs.ready_status = 'True'
            and node_signs.ready_lo_ns >= silences.noticed_ns
    )::bigint as until_hi_ns,
    silences.reference
from silences
