-- The pod's network was gone already, and the proxy or kube-proxy still sent it a new connection: silence, no refusal.
--
-- Title: Sent to a pod that was gone, no answer
-- Clause: went to a pod whose network was gone already
-- Remedy: preStop sleep at least as long as the slowest path needs; a shorter connect timeout limits the damage
-- Where: routing
-- Fixed by: prestop
-- Prestop helps: yes
-- Not when: no pod was ending near the start of the try: stale connection tracking or a network fault look the same
-- Told by: the proxy's error log with `timed out` or `No route to host` while connecting, and the pod's address
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods
-- Needs: timeline.attempt_pods
-- See: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  Exit of the pod's last container, the middle of its interval.
--   evidence_ref  VARCHAR                   The proxy's line, else what tells of the pod's end: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Why that pod went away.
--   since_kill_ms DOUBLE                    From the kubelet's start of the kill to the start of the try, ms (middle of the interval).
select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(attempt_pods.exited_lo_ns, attempt_pods.exited_hi_ns) as evidence_at,
    coalesce(attempt_pods.reference, attempt_pods.pod_reference) as evidence_ref,
    tier_of(
        attempt_pods.linked_by,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.started_lo_ns >= attempt_pods.deleted_hi_ns
    ) as tier,
    case
        when attempt_pods.linked_by = 'time' and attempt_pods.symptom = 'timeout' then 0.8
        else 1.0
    end::double as weight,
    attempt_pods.pod_uid,
    attempt_pods.pod_trigger,
    middle_ms(
        attempt_pods.killed_lo_ns, attempt_pods.killed_hi_ns,
        attempt_pods.started_lo_ns, attempt_pods.started_hi_ns
    ) as since_kill_ms
from timeline.attempt_pods
where
    attempt_pods.is_deleted
    and attempt_pods.late_because = 'propagation'
    and attempt_pods.started_hi_ns >= coalesce(attempt_pods.exited_lo_ns, attempt_pods.signalled_lo_ns)
    and (
        attempt_pods.linked_by <> 'time'
        or attempt_pods.started_lo_ns
        <= coalesce(attempt_pods.gone_hi_ns, attempt_pods.exited_hi_ns)
        + 1000000000 * getvariable('max_lag_unaddressed_s')
    )
    and (
        attempt_pods.symptom = 'unreachable'
        or (attempt_pods.symptom = 'timeout' and attempt_pods.linked_by = 'time')
        or (attempt_pods.symptom is null and attempt_pods.status = 504 and attempt_pods.linked_by = 'time')
    )
