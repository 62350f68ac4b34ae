-- Steps of the paths that the recording itself dates or configures: they make the floor below which no bound goes.
--
-- Grain:    one row per step
-- Reads:    timeline.config_changes, staging.path_settings
--
-- Columns:
--   step       VARCHAR  Its name, as in the table of floors.
--   seconds_s  DOUBLE   How long it takes, s; 0 where only its being there is known.
with changes as (
    select
        if(starts_with(config_changes.proxy, 'nginx'), 'nginx', config_changes.proxy) as proxy,
        config_changes.kind,
        (config_changes.done_hi_ns - config_changes.began_lo_ns) / 1e9 as seconds_s
    from timeline.config_changes
    where config_changes.done_hi_ns is not null and not config_changes.is_failed
)

select
    changes.proxy || ': reload' as step,
    max(changes.seconds_s) as seconds_s
from changes
where changes.kind = 'reload'
group by changes.proxy
union all
select
    'kube-proxy: writing the rules' as step,
    max(changes.seconds_s) as seconds_s
from changes
where changes.proxy = 'kube-proxy'
having max(changes.seconds_s) is not null
union all
select
    path_settings.step,
    coalesce(path_settings.seconds_s, 0) as seconds_s
from staging.path_settings
