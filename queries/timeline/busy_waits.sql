-- Attempts that waited in vain while even the fastest answers took a good part of that time: all pods had too much to do.
--
-- Kind:     table
-- Grain:    one row per such attempt
-- Reads:    timeline.attempts, timeline.attempt_pods, timeline.busy_seconds
-- Needs:    timeline.attempts, timeline.busy_seconds
-- Params:
--   busy_share  DOUBLE  0.25  The fastest answers take at least this part of what the request waited.
--
-- Columns:
--   request_id  VARCHAR  Key of timeline.attempts.
--   attempt     INTEGER  Number of the try.
--   fast_ms     DOUBLE   What nine of ten good answers took at least when it ended, ms.
--   wait_ratio  DOUBLE   That as a part of what the attempt waited; may be above 1.
with waits as (
    select
        attempts.request_id,
        attempts.attempt,
        attempts.ended_lo_ns - attempts.started_lo_ns as waited_ns,
        attempts.ended_lo_ns // 2 + attempts.ended_hi_ns // 2 as ended_ns
    from timeline.attempts
    where
        not attempts.is_ejection
        and (
            attempts.symptom in ('timeout', 'client_closed', 'read_timeout')
            -- The client gave up while the proxy still waited for a connection.
            or (attempts.symptom = 'unreachable' and attempts.evidence = 'fields')
        )
        and exists (
            select 1 from timeline.busy_seconds
            where busy_seconds.is_busy
        )
)

-- In a second without any answer it is as it was when the last one came.
select
    waits.request_id,
    waits.attempt,
    busy_seconds.fast_ns / 1e6 as fast_ms,
    busy_seconds.fast_ns / waits.waited_ns as wait_ratio
from waits
asof inner join timeline.busy_seconds on waits.ended_ns // 1000000000 >= busy_seconds.began_s
where
    busy_seconds.is_busy
    and busy_seconds.fast_ns >= getvariable('busy_share') * waits.waited_ns
    -- Who was sent to a pod that was gone, or on a lost node, waited for that.
    and not exists (
        select 1 from timeline.attempt_pods
        where
            attempt_pods.request_id = waits.request_id
            and attempt_pods.attempt = waits.attempt
            and attempt_pods.linked_by <> 'time'
            and (
                attempt_pods.is_node_lost
                or attempt_pods.has_crashed
                or coalesce(attempt_pods.ended_hi_ns >= attempt_pods.signalled_lo_ns, false)
            )
    )
