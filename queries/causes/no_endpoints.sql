-- The Service had no ready pod at all, so there was nowhere to send the request.
--
-- Title: No ready pod to send to
-- Clause: found no ready pod at all
-- Remedy: at least two replicas, maxUnavailable 0, a PodDisruptionBudget, readiness probes that hold the rollout
-- Where: routing
-- Fixed by: replicas
-- Prestop helps: no
-- Not when: the slices show ready endpoints all the time: then the proxy had not learnt of them, or had ejected them
-- Told by: the proxy's line without an address, and the watch of EndpointSlices over that moment
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.empty_services, timeline.switched_attempts, staging.endpoint_versions, timeline.pod_triggers,
--               timeline.pod_lifecycles, timeline.container_exits
-- Needs: timeline.attempts
-- See: https://kubernetes.io/docs/concepts/services-networking/service/
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  When the last ready endpoint went away, else the try.
--   evidence_ref  VARCHAR                   The proxy's line, else the slice version without endpoints: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   Null: there was none.
--   pod_trigger   VARCHAR                   Why the last pod that ended before did: as in pod_triggers, or crash; null when none did.
--   service_name  VARCHAR                   Service without endpoints; null where only the proxy says so.
with attempts_without_endpoints as (
    select
        attempts.*,
        empty_services.service_name,
        empty_services.from_lo_ns,
        empty_services.reference as service_reference
    from timeline.attempts
    -- A route that had just been switched is what left it without.
    anti join timeline.switched_attempts
        on
            attempts.request_id = switched_attempts.request_id
            and attempts.attempt = switched_attempts.attempt
    left outer join timeline.empty_services
        on
            attempts.ended_hi_ns >= empty_services.from_lo_ns
            and attempts.started_lo_ns
            <= coalesce(empty_services.until_hi_ns + 5000000000, attempts.started_lo_ns)
    where
        attempts.symptom = 'no_endpoints'
        or (
            attempts.proxy_reference is null and attempts.upstream_ip is null and attempts.symptom = 'refused'
        )
        or (
            attempts.proxy_reference is null
            and attempts.symptom is null
            and attempts.status in (502, 503)
            and empty_services.service_name is not null
        )
    qualify row_number() over (
        partition by attempts.request_id, attempts.attempt order by empty_services.from_lo_ns desc nulls last
    ) = 1
),

ends as (
    select
        pod_triggers.pod_trigger,
        pod_lifecycles.deleted_lo_ns as ended_lo_ns
    from timeline.pod_triggers
    inner join timeline.pod_lifecycles on pod_triggers.pod_uid = pod_lifecycles.pod_uid
    union all
    select
        'crash' as pod_trigger,
        container_exits.exited_lo_ns as ended_lo_ns
    from timeline.container_exits
)

select
    attempts_without_endpoints.request_id,
    attempts_without_endpoints.attempt,
    instant_at(
        coalesce(attempts_without_endpoints.from_lo_ns, attempts_without_endpoints.ended_lo_ns),
        coalesce(attempts_without_endpoints.from_lo_ns, attempts_without_endpoints.ended_hi_ns)
    ) as evidence_at,
    coalesce(
        attempts_without_endpoints.error_reference, attempts_without_endpoints.proxy_reference,
        attempts_without_endpoints.service_reference
    ) as evidence_ref,
    case
        when attempts_without_endpoints.matched_by = 'doubt' then 'D'
        when coalesce(attempts_without_endpoints.symptom, '') <> 'no_endpoints' then 'C'
        when
            attempts_without_endpoints.matched_by in ('self', 'id')
            and attempts_without_endpoints.service_name is not null
            then 'A'
        else 'B'
    end as tier,
    case
        when attempts_without_endpoints.symptom = 'no_endpoints' then 1.0
        -- By time alone: at first the path may still lead to the last pod, see `timeline.attempt_pods.routed_ratio`.
        else 0.9 * (
            1 - 0.4 * exp(
                -greatest(
                    0,
                    (attempts_without_endpoints.started_lo_ns - attempts_without_endpoints.from_lo_ns) / 1e6
                )
                / getvariable('route_decay_ms')
            )
        )
    end::double as weight,
    null::varchar as pod_uid,
    (
        select max_by(ends.pod_trigger, (ends.ended_lo_ns, ends.pod_trigger))
        from ends
        where ends.ended_lo_ns <= attempts_without_endpoints.ended_hi_ns
    ) as pod_trigger,
    attempts_without_endpoints.service_name
from attempts_without_endpoints
where
    attempts_without_endpoints.service_name is not null
    or (
        attempts_without_endpoints.symptom = 'no_endpoints'
        and not exists (select 1 from staging.endpoint_versions)
    )
