-- Failed attempts that found nobody just after what leads to the pods had been changed.
--
-- Kind:     table
-- Grain:    one row per failed attempt, with the last change before it
-- Reads:    timeline.attempts, timeline.route_changes, timeline.request_services
-- Needs:    timeline.attempts, timeline.route_changes
-- Params:
--   switch_s  BIGINT  10  A change of a route may show for so long.
--
-- Columns:
--   request_id       VARCHAR  Key of timeline.attempts.
--   attempt          INTEGER  Number of the try.
--   matched_by       VARCHAR  How the proxy line was found; null without one.
--   evidence         VARCHAR  What the symptom was read from.
--   reference        VARCHAR  The proxy's line, else the version that shows the change: `source:line`.
--   changed_lo_ns    BIGINT   Seen changed, earliest, reference clock.
--   changed_hi_ns    BIGINT   Seen changed, latest.
--   what             VARCHAR  What was switched, in words.
--   since_change_ms  DOUBLE   From the change to the end of the try, ms (latest).
select
    attempts.request_id,
    attempts.attempt,
    attempts.matched_by,
    attempts.evidence,
    coalesce(attempts.error_reference, attempts.proxy_reference, route_changes.reference) as reference,
    route_changes.changed_lo_ns,
    route_changes.changed_hi_ns,
    route_changes.what,
    (attempts.ended_hi_ns - route_changes.changed_lo_ns) / 1e6 as since_change_ms
from timeline.attempts
inner join timeline.route_changes
    on
        attempts.ended_hi_ns >= route_changes.changed_lo_ns
        and attempts.started_lo_ns <= route_changes.changed_hi_ns + 1000000000 * getvariable('switch_s')
where
    (
        attempts.symptom in ('no_endpoints', 'no_route')
        -- Without the proxy's log such a status says as much.
        or (
            attempts.proxy_reference is null
            and attempts.symptom is null
            and attempts.status in (404, 502, 503)
        )
    )
    -- Of a request whose Service is known only a change that leads to it, or led to it, counts.
    and (
        not exists (
            select 1 from timeline.request_services
            where request_services.request_id = attempts.request_id
        )
        or exists (
            select 1 from timeline.request_services
            where
                request_services.request_id = attempts.request_id
                and request_services.namespace = route_changes.namespace
                and list_contains(route_changes.backends, request_services.service_name)
        )
    )
qualify row_number() over (
    partition by attempts.request_id, attempts.attempt
    order by route_changes.changed_lo_ns desc, route_changes.reference asc
) = 1
