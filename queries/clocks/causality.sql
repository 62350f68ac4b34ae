-- What in the cluster must follow what: an object is written down after its Event happened, a kubelet kills a pod after
-- it was deleted and starts its containers after it was created.
--
-- Kind:     table
-- Grain:    one row per pair of clocks and rule
-- Reads:    clocks.stamps
-- Needs:    clocks.stamps
--
-- Columns:
--   clock           VARCHAR  The clock that is compared.
--   other           VARCHAR  The clock that it is compared with.
--   lo_ns           BIGINT   `clock` minus `other` is at least this; null when the rule does not say.
--   hi_ns           BIGINT   `clock` minus `other` is at most this; null when the rule does not say.
--   method          VARCHAR  written, deleted or created.
--   evidence_count  BIGINT   How many pairs of instants.
with written as (
    -- The API server's stamp of an Event is later than the Event, but for the second that it cuts off.
    select
        stamps.clock,
        stamps.node_name,
        'apiserver' as other,
        max(stamps.written_lo_ns - stamps.created_ns - 1000000000) as lo_ns,
        null::bigint as hi_ns,
        'written' as method,
        count(*) as evidence_count
    from clocks.stamps
    where stamps.stamp = 'emitted' and stamps.created_ns is not null
    group by stamps.clock, stamps.node_name
),

pods as (
    select
        stamps.uid,
        min(stamps.written_lo_ns) filter (where stamps.stamp = 'created') as created_ns,
        min(stamps.written_lo_ns) filter (where stamps.stamp = 'deleted') as deleted_ns
    from clocks.stamps
    where stamps.kind = 'Pod' and stamps.clock = 'apiserver'
    group by stamps.uid
),

followed as (
    select
        stamps.clock,
        stamps.node_name,
        'apiserver' as other,
        null::bigint as lo_ns,
        min(
            stamps.written_hi_ns
            - case when stamps.reason = 'Killing' then pods.deleted_ns else pods.created_ns end
        ) as hi_ns,
        case when stamps.reason = 'Killing' then 'deleted' else 'created' end as method,
        count(*) as evidence_count
    from clocks.stamps
    inner join pods on stamps.uid = pods.uid
    where
        stamps.stamp = 'emitted'
        and (
            stamps.reason in ('Pulled', 'Created', 'Started', 'Scheduled')
            or (stamps.reason = 'Killing' and pods.deleted_ns is not null)
        )
    group by all
),

bounds as (
    select * from written
    union all
    select * from followed
    where followed.hi_ns is not null
)

select
    bounds.clock,
    bounds.other,
    min(bounds.lo_ns)::bigint as lo_ns,
    max(bounds.hi_ns)::bigint as hi_ns,
    bounds.method,
    sum(bounds.evidence_count)::bigint as evidence_count
from bounds
group by bounds.clock, bounds.other, bounds.method
