-- Errors that the application itself answered, and whether only the new version of a rollout gives them.
--
-- Kind:     table
-- Grain:    one row per failed attempt that the application answered
-- Reads:    timeline.attempts, timeline.attempt_pods, timeline.rollouts
-- Needs:    timeline.attempts
--
-- Columns:
--   request_id             VARCHAR  Key of timeline.attempts.
--   attempt                INTEGER  Number of the try.
--   status                 INTEGER  Status that the application gave.
--   proxy_reference        VARCHAR  The proxy's line: `source:line`; null without one.
--   ended_lo_ns            BIGINT   End of the try, earliest, reference clock.
--   ended_hi_ns            BIGINT   End of the try, latest.
--   pod_uid                VARCHAR  The pod that answered; null when not known.
--   template_hash          VARCHAR  Its version; null when not known.
--   rollout_started_lo_ns  BIGINT   Start of the rollout whose new version is to blame; null when it is not only that.
--   tier                   VARCHAR  A to C: by an id, by time, or without a proxy's line.
--   weight                 DOUBLE   Likelihood beside other causes of the same attempt, 0 to 1.
with errors as (
    select
        attempts.request_id,
        attempts.attempt,
        attempts.status,
        attempts.matched_by,
        attempts.proxy_reference,
        attempts.ended_lo_ns,
        attempts.ended_hi_ns,
        attempts.evidence,
        attempt_pods.pod_uid,
        attempt_pods.template_hash
    from timeline.attempts
    left outer join timeline.attempt_pods
        on
            attempts.request_id = attempt_pods.request_id
            and attempts.attempt = attempt_pods.attempt
            and attempt_pods.linked_by <> 'time'
    where attempts.symptom = 'app_error'
),

errors_by_template as (
    select
        rollouts.template_hash,
        rollouts.started_lo_ns,
        count(*) filter (where errors.template_hash = rollouts.template_hash) as errors_on_new,
        count(*) filter (where errors.template_hash <> rollouts.template_hash) as errors_on_old,
        count(*) filter (where errors.template_hash is null and errors.ended_hi_ns < rollouts.started_lo_ns)
            as errors_before,
        count(*) filter (
            where errors.template_hash is null and errors.ended_hi_ns >= rollouts.started_lo_ns
        ) as errors_after
    from timeline.rollouts
    cross join errors
    group by rollouts.template_hash, rollouts.started_lo_ns
),

-- The new version is to blame when its pods err and the older ones, which serve beside them, (nearly) do not.
blamed as (
    select
        errors.request_id,
        errors.attempt,
        max(errors_by_template.started_lo_ns) as rollout_started_lo_ns
    from errors
    inner join errors_by_template
        on
            (
                errors.template_hash = errors_by_template.template_hash
                and errors_by_template.errors_on_old * 20 < errors_by_template.errors_on_new
            )
            or (
                errors.template_hash is null
                and errors.ended_hi_ns >= errors_by_template.started_lo_ns
                and errors_by_template.errors_before * 20 < errors_by_template.errors_after
            )
    group by errors.request_id, errors.attempt
)

select
    errors.request_id,
    errors.attempt,
    errors.status,
    errors.proxy_reference,
    errors.ended_lo_ns,
    errors.ended_hi_ns,
    errors.pod_uid,
    errors.template_hash,
    blamed.rollout_started_lo_ns,
    case
        when errors.pod_uid is null then 'C'
        when errors.matched_by = 'doubt' then 'D'
        when errors.matched_by in ('self', 'id') then 'A'
        when errors.matched_by is not null then 'B'
        else 'C'
    end as tier,
    case when errors.template_hash is null then 0.7 else 1.0 end::double as weight
from errors
left outer join blamed on errors.request_id = blamed.request_id and errors.attempt = blamed.attempt
