-- The network did not carry the request to a pod that was alive: a policy, full or stale connection tracking, a broken
-- route.
--
-- Title: The network did not carry it
-- Clause: was not carried by the network to a pod that was alive
-- Remedy: look at network policies, connection tracking (`nf_conntrack` full or stale) and routes between the
--               nodes
-- Where: connection
-- Fixed by: fix_network
-- Prestop helps: no: no pod's end is the cause
-- Not when: the pod or its node was ending, gone or starting: silence is then theirs
-- Told by: packets on both sides, or the counters of connection tracking and policies on the node
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.attempt_pods, timeline.pod_lifecycles, timeline.busy_waits,
--               timeline.lost_waits
-- Needs: timeline.attempts
-- Params:
--   silence_ms  BIGINT  1000  A connection that takes longer than this has lost a packet.
-- See: https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  Start of the try.
--   evidence_ref  VARCHAR                   The proxy's line: `source:line`; null when only the client's own tells.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that it was sent to; null when not known.
--   pod_trigger   VARCHAR                   Null: no pod went away for it.
--   waited_ms     DOUBLE                    How long the try took, ms.
select
    attempts.request_id,
    attempts.attempt,
    instant_at(attempts.started_lo_ns, attempts.started_hi_ns) as evidence_at,
    coalesce(attempts.error_reference, attempts.proxy_reference) as evidence_ref,
    tier_of(
        coalesce(attempt_pods.linked_by, 'time'), attempts.matched_by, attempts.evidence,
        -- Without words it is the time that tells: a lost packet is sent again after a second.
        attempts.evidence <> 'fields'
        or busy_waits.request_id is null
        and attempts.ended_lo_ns - attempts.started_hi_ns >= 1000000 * getvariable('silence_ms')
    ) as tier,
    if(attempt_pods.pod_uid is null and lost_waits.request_id is null, 0.5, 0.8)::double as weight,
    attempt_pods.pod_uid,
    null::varchar as pod_trigger,
    (attempts.ended_lo_ns - attempts.started_lo_ns) / 1e6 as waited_ms
from timeline.attempts
left outer join timeline.busy_waits
    on attempts.request_id = busy_waits.request_id and attempts.attempt = busy_waits.attempt
left outer join timeline.attempt_pods
    on
        attempts.request_id = attempt_pods.request_id
        and attempts.attempt = attempt_pods.attempt
        -- Which pod it was does not matter where packets were lost; that one was near does, where only silence tells.
        and (attempts.symptom = 'unreachable' or attempt_pods.linked_by <> 'time')
left outer join timeline.lost_waits
    on attempts.request_id = lost_waits.request_id and attempts.attempt = lost_waits.attempt
where
    (
        attempts.symptom = 'unreachable'
        -- Others came whole seconds late meanwhile: what was sent again.
        or lost_waits.request_id is not null
    )
    and not attempts.is_ejection
    and case
        -- Nobody of the Service was ending, starting or crashing: what remains is the way to it.
        when attempt_pods.pod_uid is null
            then attempts.proxy_reference is null and exists (select 1 from timeline.pod_lifecycles)
        else
            attempt_pods.linked_by = 'address'
            and not attempt_pods.has_crashed
            and not attempt_pods.is_node_lost
            -- What is only starting has a network already: it would refuse.
            and list_has_all(['N', 'A', 'W'], attempt_pods.possible_phases)
            and attempts.started_lo_ns > attempt_pods.started_pod_lo_ns + 2000000000
    end
