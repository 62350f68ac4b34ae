-- The proxy reloaded and closed the client's connection; it logged no error with any pod, often no line at all.
--
-- Title: The proxy's reload broke the connection
-- Clause: broke off when the proxy reloaded
-- Remedy: reload less (batch changes, a proxy that takes endpoints without reload); longer worker-shutdown-timeout
-- Where: routing
-- Fixed by: reload_less
-- Prestop helps: no
-- Not when: the proxy's log has a line that names an upstream error: then the pod is the cause
-- Told by: the proxy's own log of reloads and of workers that exit, and its access log without an upstream error
-- Grain: one row per failed attempt that it explains
-- Reads: timeline.attempts, timeline.config_changes, staging.proxy_events, staging.proxy_spans
-- Needs: timeline.attempts, timeline.config_changes, staging.proxy_spans
-- Params:
--   worker_shutdown_s  BIGINT  10  An old worker may end what it is at for so long after a reload.
-- See: https://nginx.org/en/docs/control.html#reconfiguration
--
-- Columns:
--   request_id    VARCHAR                   Key of timeline.attempts.
--   attempt       INTEGER                   Number of the try.
--   evidence_at   TIMESTAMP WITH TIME ZONE  The reload, its middle.
--   evidence_ref  VARCHAR                   The line that tells of the reload: `source:line`.
--   tier          VARCHAR                   A to D, see `macros.tier_of`.
--   weight        DOUBLE                    Likelihood beside other causes of the same attempt, 0 to 1.
--   pod_uid       VARCHAR                   Null: no pod is the cause.
--   pod_trigger   VARCHAR                   Null: the reload is the cause, whatever brought it about.
--   since_reload_ms DOUBLE                  From the reload's begin to the end of the request, ms.
with reloads as (
    select
        config_changes.began_lo_ns,
        coalesce(config_changes.done_hi_ns, config_changes.began_lo_ns) as done_hi_ns,
        config_changes.reference
    from timeline.config_changes
    where config_changes.kind = 'reload'
),

-- An old worker closes idle connections when it begins to shut down, and those that are at work when it gives up waiting.
worker_ends as (
    select
        proxy_events.logged_lo_ns as ended_lo_ns,
        proxy_events.logged_hi_ns as ended_hi_ns,
        reloads.began_lo_ns,
        reloads.reference
    from staging.proxy_events
    asof inner join reloads on proxy_events.logged_lo_ns >= reloads.began_lo_ns
    where proxy_events.event = 'worker_exiting'
),

breaks as (
    select
        reloads.began_lo_ns,
        reloads.done_hi_ns,
        reloads.reference,
        reloads.began_lo_ns as ended_lo_ns,
        reloads.done_hi_ns + 500000000 as ended_hi_ns,
        reloads.done_hi_ns + 1000000000 * getvariable('worker_shutdown_s') as logged_hi_ns
    from reloads
    union all
    select
        worker_ends.began_lo_ns,
        worker_ends.ended_hi_ns as done_hi_ns,
        worker_ends.reference,
        worker_ends.ended_lo_ns - 500000000 as ended_lo_ns,
        worker_ends.ended_hi_ns + 500000000 as ended_hi_ns,
        worker_ends.ended_hi_ns + 500000000 as logged_hi_ns
    from worker_ends
)

select
    attempts.request_id,
    attempts.attempt,
    instant_at(breaks.began_lo_ns, breaks.done_hi_ns) as evidence_at,
    breaks.reference as evidence_ref,
    'C' as tier,
    0.9::double as weight,
    null::varchar as pod_uid,
    null::varchar as pod_trigger,
    (attempts.ended_lo_ns - breaks.began_lo_ns) / 1e6 as since_reload_ms
from timeline.attempts
inner join breaks
    on
        attempts.ended_hi_ns >= breaks.ended_lo_ns
        and attempts.ended_lo_ns
        <= if(attempts.proxy_reference is null, breaks.ended_hi_ns, breaks.logged_hi_ns)
where
    (
        (attempts.proxy_reference is null and attempts.symptom in ('reset', 'truncated'))
        -- The proxy broke off the answer of a pod, which it does not call an error of that pod.
        or (
            attempts.matched_by = 'id'
            and attempts.symptom is null
            and attempts.status is null
            and attempts.started_lo_ns <= breaks.done_hi_ns
        )
    )
    -- Only where the proxy's access log was recorded does a missing line mean anything.
    and exists (
        select 1 from staging.proxy_spans
        where
            proxy_spans.first_lo_ns <= attempts.ended_hi_ns
            and proxy_spans.last_hi_ns >= attempts.started_lo_ns
    )
qualify row_number() over (
    partition by attempts.request_id, attempts.attempt
    order by breaks.began_lo_ns desc, breaks.done_hi_ns desc
) = 1
