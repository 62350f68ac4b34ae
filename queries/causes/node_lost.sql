-- The node was switched off, cut off or taken away, and requests were sent to its pods until others noticed.
--
-- Title: The node was lost
-- Clause: went to a pod whose node was lost
-- Remedy: pods on several nodes and zones, passive health checks in the proxy, short connect timeouts; a
--               handler for spot interruptions
-- Fixed by: fix_network
-- Where: node
-- Prestop helps: no: nobody runs it
-- Not when: the node was heard of all the time, or it shut down in order (then pods got SIGTERM)
-- Told by: the node's Lease and its Ready condition over that moment
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods, timeline.node_outages
-- Needs: timeline.attempt_pods, timeline.node_outages
-- See: https://kubernetes.io/docs/concepts/architecture/nodes/#condition
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  When the node was last heard of.
--   evidence_ref  VARCHAR                   The proxy's line, else the version of the Node that tells of it: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   node_lost.
--   node_name     VARCHAR                   The node.
--   since_heard_ms DOUBLE                   From its last sign of life to the start of the try, ms (earliest).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(node_outages.from_lo_ns, node_outages.from_lo_ns) as evidence_at,
    coalesce(attempt_pods.reference, node_outages.reference) as evidence_ref,
    tier_of(attempt_pods.linked_by, attempt_pods.matched_by, attempt_pods.evidence, true) as tier,
    case when attempt_pods.linked_by = 'time' then 0.8 else 1.0 end::double as weight,
    attempt_pods.pod_uid,
    'node_lost' as pod_trigger,
    attempt_pods.node_name,
    (attempt_pods.started_lo_ns - node_outages.from_lo_ns) / 1e6 as since_heard_ms
from timeline.attempt_pods
inner join timeline.node_outages
    on
        attempt_pods.node_name = node_outages.node_name
        and attempt_pods.ended_hi_ns >= node_outages.from_lo_ns
        and attempt_pods.started_lo_ns <= coalesce(node_outages.until_hi_ns, attempt_pods.started_lo_ns)
where
    attempt_pods.is_node_lost
    -- A refusal comes from a network that is alive.
    and (
        attempt_pods.symptom in ('unreachable', 'read_timeout', 'client_closed', 'reset', 'truncated')
        or (attempt_pods.linked_by = 'time' and attempt_pods.symptom = 'timeout')
        or (attempt_pods.linked_by = 'time' and attempt_pods.symptom is null and attempt_pods.status = 504)
    )
qualify row_number() over (
    partition by attempt_pods.request_id, attempt_pods.attempt, attempt_pods.pod_uid
    order by node_outages.from_lo_ns desc
) = 1
