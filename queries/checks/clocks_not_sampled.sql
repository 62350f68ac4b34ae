-- Clocks that nobody compared with the recorder's: how far apart they are is assumed.
--
-- Severity: info
-- Grain:    one row when there are such clocks
-- Reads:    recording.sources, recording.objects, staging.clock_offsets
--
-- Columns:
--   message   VARCHAR    What is doubtful, for people.
--   clocks    VARCHAR[]  Their names.
--   bound_ms  BIGINT     Each is taken to be this close to the recorder's, ms.
with unmeasured as (
    select list(distinct clock_offsets.clock order by clock_offsets.clock) as clocks
    from staging.clock_offsets
    where
        not clock_offsets.is_measured
        and (
            clock_offsets.clock in (select sources.clock from recording.sources)
            -- What kubelets write stands in the objects that the API serves.
            or (clock_offsets.clock = 'node' and exists (select 1 from recording.objects))
        )
)

select
    'nobody compared these clocks with the recorder''s: '
    || array_to_string(unmeasured.clocks, ', ')
    || '. Each is taken to be within ' || getvariable('clock_bound_ms')
    || ' ms; --set clock_bound_ms=N says otherwise' as message,
    unmeasured.clocks,
    getvariable('clock_bound_ms') as bound_ms
from unmeasured
where len(unmeasured.clocks) > 0
