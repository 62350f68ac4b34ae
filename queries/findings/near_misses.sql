-- Failed tries that a later try healed, with their cause: the client saw nothing, the next change may show it.
--
-- Kind:     table
-- Grain:    one row per healed request and failed try
-- Reads:    timeline.attempts, causes.every
-- Needs:    timeline.attempts
--
-- Columns:
--   request_id   VARCHAR  The proxy's line: `source:line`.
--   attempt      INTEGER  Number of the failed try.
--   cause        VARCHAR  Name of the cause; `unattributed` when there is none.
--   tier         VARCHAR  A to D, U for unattributed.
--   pod_trigger  VARCHAR  Why the pod went away; null when no pod did.
--   symptom      VARCHAR  What went wrong, in one word.
select
    attempts.request_id,
    attempts.attempt,
    coalesce(every.cause, 'unattributed') as cause,
    coalesce(every.tier, 'U') as tier,
    every.pod_trigger,
    attempts.symptom
from timeline.attempts
left outer join causes.every on attempts.request_id = every.request_id and attempts.attempt = every.attempt
where attempts.is_near_miss
qualify row_number() over (
    partition by attempts.request_id, attempts.attempt
    order by every.tier asc, every.weight desc, every.cause asc, every.pod_uid asc
) = 1
