-- Each failed request with its cause, that of its last try; `unattributed` where no rule holds.
--
-- Kind:     table
-- Grain:    one row per failed request
-- Reads:    timeline.failures, timeline.attempts, causes.every, timeline.pod_lifecycles
--
-- Columns:
--   request_id     VARCHAR                   Key of timeline.failures.
--   source         VARCHAR                   Name of the source of the request's line.
--   line           BIGINT                    Line in that source, from 1.
--   started_at_ns  BIGINT                    Start as the source wrote it, ns since 1970 UTC.
--   ended_at_ns    BIGINT                    End as the source wrote it, ns since 1970 UTC.
--   status         INTEGER                   Status; null when none came.
--   cause          VARCHAR                   Name of the cause; `unattributed` when there is none.
--   pod_trigger    VARCHAR                   Why the pod went away; null when no pod did.
--   tier           VARCHAR                   A to D, U for unattributed.
--   weight         DOUBLE                    Share of the likelihood that this cause has, 0 to 1.
--   runner_up      VARCHAR                   The next likely cause; null when there is none.
--   pod_name       VARCHAR                   The pod; null when not known.
--   pod_uid        VARCHAR                   Its UID.
--   attempt        INTEGER                   The try that decided, from 1.
--   attempt_count  INTEGER                   How many tries there were.
--   symptom        VARCHAR                   What went wrong, in one word; null when nothing is known.
--   matched_by     VARCHAR                   How the proxy's line was found: self, id, order, time, doubt; null without one.
--   evidence_at    TIMESTAMP WITH TIME ZONE  When the evidence happened; null without.
--   evidence_ref   VARCHAR                   Where it stands: `source:line`.
--   proxy_ref      VARCHAR                   The proxy's line: `source:line`; null without one.
with last_attempts as (
    select
        attempts.request_id,
        attempts.attempt,
        attempts.attempt_count,
        attempts.symptom,
        attempts.matched_by,
        attempts.proxy_reference
    from timeline.attempts
    where not attempts.is_near_miss
    qualify row_number() over (partition by attempts.request_id order by attempts.attempt desc) = 1
),

candidates as (
    select
        last_attempts.request_id,
        every.cause,
        every.tier,
        max(every.weight) over of_cause as weight,
        every.pod_uid,
        every.pod_trigger,
        every.evidence_at,
        every.evidence_ref,
        coalesce(min(every.pod_uid) over of_cause = max(every.pod_uid) over of_cause, false) as is_one_pod
    from last_attempts
    inner join causes.every
        on last_attempts.request_id = every.request_id and last_attempts.attempt = every.attempt
    window of_cause as (partition by last_attempts.request_id, every.cause)
    -- Of several pods that may have been it the first by UID: a verdict must not depend on chance.
    qualify row_number() over (
        partition by last_attempts.request_id, every.cause
        order by every.tier asc, every.weight desc, every.pod_uid asc, every.evidence_ref asc
    ) = 1
),

ranked as (
    select
        candidates.*,
        candidates.weight / sum(candidates.weight) over (partition by candidates.request_id) as share,
        count(*) over (partition by candidates.request_id) as cause_count,
        row_number() over by_likelihood as place,
        lead(candidates.cause) over by_likelihood as runner_up
    from candidates
    window by_likelihood as (
        partition by candidates.request_id
        order by candidates.tier asc, candidates.weight desc, candidates.cause asc
    )
)

select
    failures.request_id,
    failures.source,
    failures.line,
    failures.started_at_ns,
    failures.ended_at_ns,
    failures.status,
    coalesce(ranked.cause, 'unattributed') as cause,
    ranked.pod_trigger,
    case
        when ranked.cause is null then 'U'
        when ranked.tier = 'C' and ranked.cause_count > 1 then 'D'
        else ranked.tier
    end as tier,
    coalesce(ranked.share, 0) as weight,
    ranked.runner_up,
    case when ranked.is_one_pod then pod_lifecycles.pod_name end as pod_name,
    case when ranked.is_one_pod then ranked.pod_uid end as pod_uid,
    coalesce(last_attempts.attempt, 1) as attempt,
    coalesce(last_attempts.attempt_count, 1) as attempt_count,
    last_attempts.symptom,
    last_attempts.matched_by,
    ranked.evidence_at,
    ranked.evidence_ref,
    last_attempts.proxy_reference as proxy_ref
from timeline.failures
left outer join last_attempts on failures.request_id = last_attempts.request_id
left outer join ranked on failures.request_id = ranked.request_id and ranked.place = 1
left outer join timeline.pod_lifecycles on ranked.pod_uid = pod_lifecycles.pod_uid
