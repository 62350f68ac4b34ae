-- Answers that broke off with nothing but time to tell which pod it was: how many of those that ended beside a pod's end
-- would have broken off anyway, by the rate at which answers broke off while no pod was ending.
--
-- Kind:     table
-- Grain:    one row per such attempt
-- Reads:    timeline.attempts, timeline.attempt_links, timeline.pod_lifecycles, staging.request_spans
-- Needs:    timeline.attempts
-- Params:
--   fewest_steady  BIGINT  5  Fewer than this beside no pod's end are no rate.
--
-- Columns:
--   request_id    VARCHAR  Key of timeline.attempts.
--   attempt       INTEGER  Number of the try.
--   is_at_end     BOOLEAN  A pod that may have been its own was between SIGTERM and its exit.
--   steady_ratio  DOUBLE   Chance that it broke off anyway, 0 to 1.
with ends as (
    select
        pod_lifecycles.pod_uid,
        pod_lifecycles.signalled_lo_ns as from_ns,
        coalesce(
            pod_lifecycles.exited_hi_ns,
            pod_lifecycles.gone_hi_ns,
            pod_lifecycles.signalled_hi_ns + 1000000000 * coalesce(pod_lifecycles.grace_s, 30)
        ) + 100000000 as until_ns
    from timeline.pod_lifecycles
    where pod_lifecycles.signalled_lo_ns is not null
),

cut as (
    select
        attempts.request_id,
        attempts.attempt,
        exists(
            select 1
            from timeline.attempt_links
            inner join ends on attempt_links.pod_uid = ends.pod_uid
            where
                attempt_links.request_id = attempts.request_id
                and attempt_links.attempt = attempts.attempt
                and attempts.ended_hi_ns >= ends.from_ns
                and attempts.ended_lo_ns <= ends.until_ns
        ) as is_at_end
    from timeline.attempts
    where attempts.symptom = 'truncated' and attempts.proxy_reference is null
),

spans as (
    select
        min(request_spans.first_lo_ns) // 1000000000 as first_s,
        max(request_spans.last_hi_ns) // 1000000000 as last_s
    from staging.request_spans
),

ending_seconds as (
    select distinct
        unnest(range(
            greatest(ends.from_ns // 1000000000, spans.first_s),
            least(ends.until_ns // 1000000000, spans.last_s) + 1
        )) as began_s
    from ends
    cross join spans
    where exists (select 1 from cut)
),

counted as (
    select
        count(*) filter (where cut.is_at_end) as at_end_count,
        count(*) filter (where not cut.is_at_end) as steady_count,
        (select count(*) from ending_seconds) as ending_s,
        any_value(spans.last_s - spans.first_s + 1) as total_s
    from cut
    cross join spans
)

select
    cut.request_id,
    cut.attempt,
    cut.is_at_end,
    case
        when not cut.is_at_end then 1
        when counted.steady_count < getvariable('fewest_steady') then 0
        else least(
            1,
            counted.steady_count / greatest(1, counted.total_s - counted.ending_s)
            * counted.ending_s / counted.at_end_count
        )
    end::double as steady_ratio
from cut
cross join counted
