-- Every moment at which a proxy took new endpoints or configuration into use; a reload is one kind.
--
-- Kind:     table
-- Grain:    one row per config change
-- Reads:    staging.proxy_events
-- Needs:    staging.proxy_events
--
-- Columns:
--   proxy           VARCHAR  Kind of proxy; kube-proxy is one.
--   kind            VARCHAR  reload, sync or config.
--   began_lo_ns     BIGINT   Began, earliest, reference clock; when only the end was logged, the end less its duration.
--   done_hi_ns      BIGINT   In use, latest, reference clock; null when it was not seen to end.
--   config_version  VARCHAR  Version that was taken into use; null when not logged.
--   is_failed       BOOLEAN  The proxy kept its old configuration.
--   reference       VARCHAR  Line that tells of the begin, else of the end: `source:line`.
with steps as (
    select
        proxy_events.proxy,
        split_part(proxy_events.event, '_', 1) as kind,
        split_part(proxy_events.event, '_', 2) as step,
        proxy_events.source_id,
        proxy_events.line,
        proxy_events.config_version,
        proxy_events.logged_lo_ns as lo_ns,
        proxy_events.logged_hi_ns as hi_ns,
        proxy_events.duration_ms,
        proxy_events.reference
    from staging.proxy_events
    where
        proxy_events.event in (
            'reload_began',
            'reload_done',
            'reload_failed',
            'sync_began',
            'sync_done',
            'config_applied',
            'config_failed'
        )
),

followed as (
    select
        steps.*,
        lead(steps.step) over same_kind as next_step,
        lead(steps.hi_ns) over same_kind as next_hi_ns,
        lag(steps.step) over same_kind as previous_step
    from steps
    window
        same_kind as (partition by steps.source_id, steps.proxy, steps.kind order by steps.lo_ns, steps.line)
)

select
    followed.proxy,
    followed.kind,
    case
        when followed.step = 'began' then followed.lo_ns
        else followed.lo_ns - coalesce(try_cast(followed.duration_ms * 1000000 as bigint), 0)
    end::bigint as began_lo_ns,
    case
        when followed.step <> 'began' then followed.hi_ns
        when followed.next_step in ('done', 'applied', 'failed') then followed.next_hi_ns
    end::bigint as done_hi_ns,
    followed.config_version,
    (
        followed.step = 'failed'
        or (followed.step = 'began' and coalesce(followed.next_step = 'failed', false))
    ) as is_failed,
    followed.reference
from followed
where followed.step = 'began' or followed.previous_step is null or followed.previous_step <> 'began'
