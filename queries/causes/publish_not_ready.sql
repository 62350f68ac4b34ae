-- The Service serves endpoints that are not ready (publishNotReadyAddresses): an ending or starting pod stays in
-- rotation for all its time.
--
-- Title: The Service serves pods that are not ready
-- Clause: went to a pod that was not ready, of a Service that serves those as well
-- Remedy: unset publishNotReadyAddresses on the Service that clients and proxies use; keep it for a headless
--               Service of peers only
-- Fixed by: service_setting
-- Where: routing
-- Prestop helps: no: the endpoint is never withdrawn
-- Not when: the pod belongs to another Service too, which withdraws it: nothing says which one the request used
-- Told by: the Service's `publishNotReadyAddresses`, and the proxy's line with the pod's address
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempt_pods, timeline.pod_services
-- Needs: timeline.attempt_pods, timeline.pod_services
-- See: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/#ServiceSpec
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  SIGTERM of an ending pod, start of a starting one.
--   evidence_ref  VARCHAR                   The proxy's line, else the version of the Service: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   The pod that the attempt went to.
--   pod_trigger   VARCHAR                   Why that pod went away, or start.
--   service_name  VARCHAR                   The Service, one of them where several do so.
with serving as (
    select
        pod_services.pod_uid,
        min(pod_services.service_name) as service_name,
        min(pod_services.reference) as reference
    from timeline.pod_services
    group by pod_services.pod_uid
    having bool_and(pod_services.is_not_ready_served)
)

select
    attempt_pods.request_id,
    attempt_pods.attempt,
    instant_at(
        coalesce(attempt_pods.signalled_lo_ns, attempt_pods.started_pod_lo_ns),
        coalesce(attempt_pods.signalled_hi_ns, attempt_pods.started_pod_lo_ns)
    ) as evidence_at,
    coalesce(attempt_pods.reference, serving.reference) as evidence_ref,
    tier_of(
        attempt_pods.linked_by,
        attempt_pods.matched_by,
        attempt_pods.evidence,
        attempt_pods.phase = 'W' or attempt_pods.ended_lo_ns >= attempt_pods.deleted_hi_ns
    ) as tier,
    case when attempt_pods.linked_by = 'time' then 0.8 else 1.0 end::double as weight,
    attempt_pods.pod_uid,
    coalesce(attempt_pods.pod_trigger, 'start') as pod_trigger,
    serving.service_name
from timeline.attempt_pods
inner join serving on attempt_pods.pod_uid = serving.pod_uid
where
    not attempt_pods.is_down
    and not attempt_pods.has_crashed
    and (
        attempt_pods.late_because = 'not_ready_served'
        -- A starting pod that its readiness probe had not let in.
        or (
            attempt_pods.phase = 'W'
            and attempt_pods.has_readiness
            and attempt_pods.is_not_ready_served
            and not attempt_pods.is_deleted
        )
    )
    and (
        attempt_pods.symptom in ('refused', 'unreachable')
        or (
            attempt_pods.symptom is null
            and attempt_pods.linked_by = 'time'
            and attempt_pods.status in (502, 503)
        )
    )
