-- Nothing was recorded of the cluster, so no failure can be laid to a pod's end.
--
-- Severity: warning
-- Grain:    one row when it is so
-- Reads:    recording.objects
--
-- Columns:
--   message  VARCHAR  What is doubtful, for people.
select
    'nothing of the cluster was recorded, so no pod can be blamed: '
    || 'record it with `kubectl get pods,endpointslices,events -A -w -o json --output-watch-events` while the test runs' as message
where not exists (select 1 from recording.objects)
