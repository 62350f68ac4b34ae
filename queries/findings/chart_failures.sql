-- The failed requests as marks of a picture: those of one cause and pod that began and took about the same time are one
-- mark that says how many it stands for. Up to `chart_marks` "about the same" is a 500th of the part that is shown first
-- and 10 % of the latency, which could not be told apart anyway; beyond, a 300th of their span and 47 %. None is left out.
--
-- Kind:     table
-- Grain:    one row per mark
-- Reads:    findings.verdicts, findings.chart_window, timeline.failures, timeline.pod_lifecycles
-- Needs:    findings.verdicts
-- Params:
--   chart_marks  BIGINT  1500  Up to how many failed requests pictures show as finely as can be seen.
--
-- Columns:
--   started_ns        BIGINT   Start, middle of its interval on the reference clock, ns since 1970 UTC; the mean of several.
--   latency_ms        DOUBLE   How long it took, ms; the mean of several.
--   cause             VARCHAR  Name of the cause, or `unattributed`.
--   tier              VARCHAR  How sure; the least sure of several.
--   status            VARCHAR  Status, or `none`; of several the most frequent.
--   pod_uid           VARCHAR  The pod; null when not known.
--   pod_name          VARCHAR  Its name.
--   since_deleted_ms  DOUBLE   From the pod's deletion to the start, ms; null when no deleted pod is known.
--   failed_count      BIGINT   How many requests the mark stands for.
--   request_id        VARCHAR  The request, or the first of several: `source:line`.
with failed as (
    select
        verdicts.request_id,
        verdicts.cause,
        verdicts.tier,
        coalesce(verdicts.status::varchar, 'none') as status,
        verdicts.pod_uid,
        verdicts.pod_name,
        (failures.started_lo_ns + failures.started_hi_ns) // 2 as started_ns,
        greatest(failures.ended_at_ns - failures.started_at_ns, 0) / 1e6 as latency_ms
    from findings.verdicts
    inner join timeline.failures on verdicts.request_id = failures.request_id
),

spread as (
    select
        min(failed.started_ns) as from_ns,
        greatest(1, if(
            count(*) > getvariable('chart_marks'),
            (max(failed.started_ns) - min(failed.started_ns)) // 300,
            (any_value(chart_window.focus_until_ns) - any_value(chart_window.focus_from_ns)) // 500
        )) as width_ns,
        if(count(*) > getvariable('chart_marks'), 6, 24) as steps
    from failed
    cross join findings.chart_window
),

placed as (
    select
        failed.*,
        (failed.started_ns - spread.from_ns) // spread.width_ns as time_bin,
        round(spread.steps * log10(greatest(failed.latency_ms, 0.001))) as latency_bin
    from failed
    cross join spread
),

marks as (
    select
        round(avg(placed.started_ns - spread.from_ns))::bigint + any_value(spread.from_ns) as started_ns,
        avg(placed.latency_ms) as latency_ms,
        placed.cause,
        max(placed.tier) as tier,
        mode(placed.status) as status,
        placed.pod_uid,
        any_value(placed.pod_name) as pod_name,
        count(*) as failed_count,
        arg_min(placed.request_id, (placed.started_ns, placed.request_id)) as request_id
    from placed
    cross join spread
    group by placed.time_bin, placed.latency_bin, placed.cause, placed.pod_uid
)

select
    marks.started_ns,
    marks.latency_ms,
    marks.cause,
    marks.tier,
    marks.status,
    marks.pod_uid,
    marks.pod_name,
    (marks.started_ns - (pod_lifecycles.deleted_lo_ns + pod_lifecycles.deleted_hi_ns) // 2) / 1e6
        as since_deleted_ms,
    marks.failed_count,
    marks.request_id
from marks
left outer join timeline.pod_lifecycles on marks.pod_uid = pod_lifecycles.pod_uid
order by marks.started_ns, marks.request_id
