-- The verdicts as `zdtrace analyze --per-request` writes them.
--
-- Grain:    one row per failed request, in the order of the sources' lines
-- Reads:    findings.verdicts
-- Needs:    findings.verdicts
--
-- Columns:
--   source         VARCHAR  Name of the source of the request's line.
--   line           BIGINT   Line in that source, from 1.
--   request_id     VARCHAR  `source:line`.
--   started_at_ns  BIGINT   Start as the source wrote it, ns since 1970 UTC.
--   ended_at_ns    BIGINT   End as the source wrote it, ns since 1970 UTC.
--   status         INTEGER  Status; null when none came.
--   cause          VARCHAR  Name of the cause; `unattributed` when there is none.
--   trigger        VARCHAR  Why the pod went away; null when no pod did.
--   tier           VARCHAR  A to D, U for unattributed.
--   weight         DOUBLE   Share of the likelihood that this cause has, 0 to 1.
--   runner_up      VARCHAR  The next likely cause; null when there is none.
--   pod            VARCHAR  The pod; null when not known.
--   pod_uid        VARCHAR  Its UID.
--   evidence       VARCHAR  The line that shows it best: `source:line`; null when only the request's own does.
select
    verdicts.source,
    verdicts.line,
    verdicts.request_id,
    verdicts.started_at_ns,
    verdicts.ended_at_ns,
    verdicts.status,
    verdicts.cause,
    verdicts.pod_trigger as trigger,
    verdicts.tier,
    verdicts.weight,
    verdicts.runner_up,
    verdicts.pod_name as pod,
    verdicts.pod_uid,
    coalesce(verdicts.evidence_ref, verdicts.proxy_ref) as evidence
from findings.verdicts
order by verdicts.source, verdicts.line
