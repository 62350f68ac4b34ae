-- Clocks that neither a sample nor anything else in the recording ties closely to the recorder's: that they are close is
-- assumed.
--
-- Severity: warning
-- Grain:    one row when there are such clocks
-- Reads:    recording.sources, recording.objects, staging.clock_offsets
--
-- Columns:
--   message   VARCHAR    What is doubtful, for people.
--   clocks    VARCHAR[]  Their names.
--   bound_ms  BIGINT     They are taken to be this close to each other, ms.
with unmeasured as (
    select
        list(clock_offsets.clock order by clock_offsets.clock) as clocks,
        list(
            clock_offsets.clock || ' '
            || coalesce(round(clock_offsets.proven_lo_ns / 1e6)::bigint::varchar, 'any') || '..'
            || coalesce(round(clock_offsets.proven_hi_ns / 1e6)::bigint::varchar, 'any')
            order by clock_offsets.clock
        ) filter (where coalesce(clock_offsets.proven_lo_ns, clock_offsets.proven_hi_ns) is not null)
            as proven
    from staging.clock_offsets
    where
        not clock_offsets.is_measured
        and not clock_offsets.is_freed
        and (
            clock_offsets.clock in (select sources.clock from recording.sources)
            -- What kubelets and controllers write stands in the objects that the API serves.
            or (
                clock_offsets.clock in ('node', 'apiserver')
                and exists (select 1 from recording.objects)
            )
        )
)

select
    'nobody compared these clocks closely with the recorder''s: '
    || array_to_string(unmeasured.clocks, ', ')
    || '. They are taken to be within ' || getvariable('clock_bound_ms')
    || ' ms of each other; --set clock_bound_ms=N says otherwise'
    || coalesce(
        '. The recording itself only proves (ms): ' || array_to_string(unmeasured.proven, ', '), ''
    ) as message,
    unmeasured.clocks,
    getvariable('clock_bound_ms') as bound_ms
from unmeasured
where len(unmeasured.clocks) > 0
