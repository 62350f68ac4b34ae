-- Each failed request with its cause, that of its last try; `unattributed` where no rule holds.
--
-- Kind:     table
-- Grain:    one row per failed request
-- Reads:    timeline.failures, timeline.attempts, causes.every, timeline.pod_lifecycles
-- Needs:    timeline.failures
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
        max(attempts.attempt) as attempt,
        arg_max(
            struct_pack(
                attempt_count := attempts.attempt_count,
                symptom := attempts.symptom,
                matched_by := attempts.matched_by,
                proxy_reference := attempts.proxy_reference
            ),
            attempts.attempt
        ) as last
    from timeline.attempts
    where not attempts.is_near_miss
    group by attempts.request_id
),

-- The order of a struct's fields is the order of what counts; nulls come last.
candidates as (
    select
        last_attempts.request_id,
        every.cause,
        max(every.weight) as weight,
        -- Of several pods that may have been it the first by UID: a verdict must not depend on chance.
        min(struct_pack(
            tier := every.tier,
            unlikelihood := -every.weight,
            pod_uid := every.pod_uid,
            evidence_ref := every.evidence_ref,
            pod_trigger := every.pod_trigger,
            evidence_at := every.evidence_at
        )) as best,
        coalesce(min(every.pod_uid) = max(every.pod_uid), false) as is_one_pod
    from last_attempts
    inner join causes.every
        on last_attempts.request_id = every.request_id and last_attempts.attempt = every.attempt
    group by last_attempts.request_id, every.cause
),

placed as (
    select
        candidates.*,
        struct_pack(
            tier := candidates.best.tier,
            unlikelihood := -candidates.weight,
            cause := candidates.cause
        ) as place
    from candidates
),

ranked as (
    select
        placed.request_id,
        min(placed.place) as first_place,
        sum(placed.weight) as weight_of_all,
        count(*) as cause_count
    from placed
    group by placed.request_id
),

runners_up as (
    select
        placed.request_id,
        min(placed.place) as second_place
    from placed
    inner join ranked on placed.request_id = ranked.request_id
    where ranked.cause_count > 1 and placed.place <> ranked.first_place
    group by placed.request_id
)

select
    failures.request_id,
    failures.source,
    failures.line,
    failures.started_at_ns,
    failures.ended_at_ns,
    failures.status,
    coalesce(placed.cause, 'unattributed') as cause,
    placed.best.pod_trigger,
    case
        when placed.cause is null then 'U'
        when placed.best.tier = 'C' and ranked.cause_count > 1 then 'D'
        else placed.best.tier
    end as tier,
    coalesce(placed.weight / ranked.weight_of_all, 0) as weight,
    runners_up.second_place.cause as runner_up,
    case when placed.is_one_pod then pod_lifecycles.pod_name end as pod_name,
    case when placed.is_one_pod then placed.best.pod_uid end as pod_uid,
    coalesce(last_attempts.attempt, 1) as attempt,
    coalesce(last_attempts.last.attempt_count, 1) as attempt_count,
    last_attempts.last.symptom,
    last_attempts.last.matched_by,
    placed.best.evidence_at,
    placed.best.evidence_ref,
    last_attempts.last.proxy_reference as proxy_ref
from timeline.failures
left outer join last_attempts on failures.request_id = last_attempts.request_id
left outer join ranked on failures.request_id = ranked.request_id
left outer join placed
    on ranked.request_id = placed.request_id and ranked.first_place = placed.place
left outer join runners_up on failures.request_id = runners_up.request_id
left outer join timeline.pod_lifecycles on placed.best.pod_uid = pod_lifecycles.pod_uid
