-- What in a workload's specification, or in what its containers did at their end, lets requests fail, beside what was seen
-- to fail: a finding without failures is a risk, one with them is a reason.
--
-- Grain:    one row per workload and finding
-- Reads:    timeline.pod_lifecycles, findings.verdicts
-- Needs:    timeline.pod_lifecycles
--
-- Columns:
--   workload      VARCHAR  `namespace/kind/name`.
--   finding       VARCHAR  no_readiness, no_prestop, prestop_outlasts_grace, exits_at_once or outlives_grace.
--   pod_count     BIGINT   Pods of which it is true.
--   of_count      BIGINT   Pods of the workload of which it could be told.
--   failed_count  BIGINT   Requests that failed at these pods in the way that it brings about.
--   setting_s     DOUBLE   The setting that it is about, s: preStop or grace period; null without one.
--   observed_s    DOUBLE   The longest that was seen instead, s; null when nothing is compared.
--   reference     VARCHAR  A pod that shows it: `source:line`.
with pods as (
    select
        pod_lifecycles.*,
        (pod_lifecycles.exited_hi_ns - pod_lifecycles.signalled_lo_ns) / 1e9 as longest_end_s,
        (pod_lifecycles.exited_lo_ns - pod_lifecycles.killed_hi_ns) / 1e9 as shortest_end_s
    from timeline.pod_lifecycles
),

findings as (
    select
        pods.namespace || '/' || pods.workload as workload,
        pods.pod_uid,
        pods.reference,
        unnest([
            {
                'finding': 'no_readiness', 'is_true': not pods.has_readiness, 'setting_s': null::double,
                'observed_s': null::double, 'causes': ['pod_not_ready_yet']
            },
            {
                'finding': 'no_prestop', 'is_true': not pods.has_prestop, 'setting_s': null::double,
                'observed_s': null::double, 'causes': ['endpoint_lag_refused', 'endpoint_lag_blackhole']
            },
            {
                'finding': 'prestop_outlasts_grace', 'is_true': pods.prestop_s >= pods.grace_s,
                'setting_s': pods.grace_s::double, 'observed_s': pods.prestop_s,
                'causes': ['prestop_exceeds_grace']
            },
            {
                'finding': 'exits_at_once',
                'is_true': if(pods.exit_code = 137, false, pods.longest_end_s < 1), 'setting_s': null::double,
                'observed_s': pods.longest_end_s, 'causes': ['inflight_cut_sigterm']
            },
            {
                'finding': 'outlives_grace',
                'is_true': pods.exit_code = 137 and pods.shortest_end_s >= pods.grace_s - 1,
                'setting_s': pods.grace_s::double, 'observed_s': pods.longest_end_s,
                'causes': ['inflight_cut_sigkill', 'prestop_exceeds_grace']
            }
        ]) as found
    from pods
    where not coalesce(pods.workload like 'Pod/%', false)
),

losses as (
    select
        verdicts.pod_uid,
        verdicts.cause,
        count(*) as failed_count
    from findings.verdicts
    group by verdicts.pod_uid, verdicts.cause
),

lost as (
    select
        findings.workload,
        findings.pod_uid,
        findings.reference,
        findings.found.finding,
        findings.found.is_true,
        findings.found.setting_s,
        findings.found.observed_s,
        sum(losses.failed_count) as failed_count
    from findings
    left outer join losses
        on findings.pod_uid = losses.pod_uid and list_contains(findings.found.causes, losses.cause)
    group by all
)

select
    lost.workload,
    lost.finding,
    count(*) filter (where lost.is_true) as pod_count,
    count(*) filter (where lost.is_true is not null) as of_count,
    coalesce(sum(lost.failed_count) filter (where lost.is_true), 0)::bigint as failed_count,
    max(lost.setting_s) filter (where lost.is_true) as setting_s,
    max(lost.observed_s) filter (where lost.is_true) as observed_s,
    arg_min(lost.reference, (-coalesce(lost.failed_count, 0), lost.pod_uid)) filter (where lost.is_true)
        as reference
from lost
group by lost.workload, lost.finding
having count(*) filter (where lost.is_true) > 0
order by failed_count desc, lost.workload asc, lost.finding asc
