-- The failed requests with what a reader asks of each, for the report's table.
--
-- Grain:    one row per failed request, in the order of time
-- Reads:    findings.verdicts, timeline.failures, timeline.pod_lifecycles
-- Needs:    findings.verdicts
--
-- Columns:
--   request_id       VARCHAR  `source:line`.
--   source           VARCHAR  Name of the source of the request's line.
--   line             BIGINT   Line in that source, from 1.
--   started_ns       BIGINT   Start, middle of its interval on the reference clock, ns since 1970 UTC.
--   latency_ms       DOUBLE   How long it took, ms.
--   status           INTEGER  Status; null when none came.
--   symptom          VARCHAR  What went wrong, in one word; null when nothing is known.
--   error            VARCHAR  The client's words for it, at most 300 characters; null when it had none.
--   method           VARCHAR  HTTP method; null when not logged.
--   url              VARCHAR  URL or path, at most 300 characters; null when not logged.
--   cause            VARCHAR  Name of the cause, or `unattributed`.
--   tier             VARCHAR  A to D, U for unattributed.
--   weight           DOUBLE   Share of the likelihood that this cause has, 0 to 1.
--   runner_up        VARCHAR  The next likely cause; null when there is none.
--   pod_trigger      VARCHAR  Why the pod went away; null when no pod did.
--   pod_name         VARCHAR  The pod; null when not known.
--   since_signal_ms  DOUBLE   From the pod's SIGTERM (middle of its interval) to the start, ms; null when it got none.
--   attempt_count    INTEGER  How many tries the proxy made; 1 without its line.
--   proxy_ref        VARCHAR  The proxy's line: `source:line`; null without one.
--   evidence_ref     VARCHAR  The line that shows it best: `source:line`; null without one.
select
    verdicts.request_id,
    verdicts.source,
    verdicts.line,
    (failures.started_lo_ns + failures.started_hi_ns) // 2 as started_ns,
    greatest(verdicts.ended_at_ns - verdicts.started_at_ns, 0) / 1e6 as latency_ms,
    verdicts.status,
    verdicts.symptom,
    left(failures.error, 300) as error,
    left(failures.method, 20) as method,
    left(failures.url, 300) as url,
    verdicts.cause,
    verdicts.tier,
    verdicts.weight,
    verdicts.runner_up,
    verdicts.pod_trigger,
    verdicts.pod_name,
    (
        (failures.started_lo_ns + failures.started_hi_ns) // 2
        - (pod_lifecycles.signalled_lo_ns + pod_lifecycles.signalled_hi_ns) // 2
    ) / 1e6 as since_signal_ms,
    verdicts.attempt_count,
    verdicts.proxy_ref,
    verdicts.evidence_ref
from findings.verdicts
inner join timeline.failures on verdicts.request_id = failures.request_id
left outer join timeline.pod_lifecycles on verdicts.pod_uid = pod_lifecycles.pod_uid
order by started_ns, verdicts.source, verdicts.line
