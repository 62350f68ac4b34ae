-- Requests that a preStop had to spare: they reached an ended pod after its end had begun, and were answered. A shorter
-- preStop than the recorded one may fail them; a proxy that tries again may heal that.
--
-- Grain:    one row per request and ended pod
-- Reads:    timeline.pod_tries, timeline.pod_lifecycles, findings.prestop_evidence
-- Needs:    timeline.pod_tries, findings.prestop_evidence
--
-- Columns:
--   namespace       VARCHAR  Namespace of the pod.
--   workload        VARCHAR  Its workload, `kind/name`.
--   reference       VARCHAR  The line of the try: `source:line`.
--   needed_surely_s DOUBLE   A shorter preStop than this surely fails the try.
--   needed_s        DOUBLE   A shorter preStop than this may fail it.
select
    pod_lifecycles.namespace,
    pod_lifecycles.workload,
    pod_tries.reference,
    least((pod_tries.started_lo_ns - pod_lifecycles.killed_hi_ns) / 1e9, pod_lifecycles.prestop_s)
        as needed_surely_s,
    least((pod_tries.ended_hi_ns - pod_lifecycles.killed_lo_ns) / 1e9, pod_lifecycles.prestop_s) as needed_s
from timeline.pod_tries
inner join timeline.pod_lifecycles on pod_tries.pod_uid = pod_lifecycles.pod_uid
inner join findings.prestop_evidence
    on pod_tries.pod_uid = prestop_evidence.pod_uid and pod_tries.path = prestop_evidence.path
where pod_tries.is_answered and pod_tries.ended_hi_ns > pod_lifecycles.killed_lo_ns
