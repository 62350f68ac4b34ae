-- What every observed version of every pod says about each of its containers.
--
-- Kind:     table
-- Grain:    one row per pod version and container
-- Reads:    recording.objects, staging.source_clocks
-- Needs:    recording.objects
--
-- Columns:
--   pod_uid         VARCHAR  UID of the pod.
--   reference       VARCHAR  Where the version stands: `source:line`.
--   observed_hi_ns  BIGINT   Latest moment the version was seen, reference clock; null when nobody noted it.
--   container       VARCHAR  Name of the container.
--   restart_count   BIGINT   How often it was started anew.
--   started_ns      BIGINT   When the running container started, node, whole seconds; null when it does not run.
--   exit_code       BIGINT   Exit code of its latest end; null when it never ended.
--   exit_reason     VARCHAR  Completed, Error, OOMKilled.
--   exited_ns       BIGINT   When that was, node, whole seconds.
with parsed as (
    select
        objects.uid,
        objects.source_id,
        objects.line,
        objects.observed_at_ns,
        unnest(coalesce(try(from_json(
            objects.object -> '$.status.containerStatuses',
            '[{"name": "VARCHAR", "restartCount": "BIGINT", "state": {"running": {"startedAt": "VARCHAR"},
            "terminated": {"exitCode": "BIGINT", "reason": "VARCHAR", "finishedAt": "VARCHAR"}},
            "lastState": {"terminated": {"exitCode": "BIGINT", "reason": "VARCHAR", "finishedAt": "VARCHAR"}}}]'
        )), [])) as container
    from recording.objects
    where objects.kind = 'Pod' and objects.api_version = 'v1' and objects.uid is not null
)

select
    parsed.uid as pod_uid,
    source_clocks.source || ':' || parsed.line as reference,
    parsed.observed_at_ns - source_clocks.offset_lo_ns as observed_hi_ns,
    parsed.container.name as container,
    parsed.container.restartcount as restart_count,
    second_ns(parsed.container.state.running.startedat) as started_ns,
    coalesce(parsed.container.state.terminated.exitcode, parsed.container.laststate.terminated.exitcode)
        as exit_code,
    coalesce(parsed.container.state.terminated.reason, parsed.container.laststate.terminated.reason)
        as exit_reason,
    second_ns(coalesce(
        parsed.container.state.terminated.finishedat, parsed.container.laststate.terminated.finishedat
    )) as exited_ns
from parsed
inner join staging.source_clocks on parsed.source_id = source_clocks.source_id
