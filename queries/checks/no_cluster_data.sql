-- Nothing was recorded of the cluster, so no failure can be laid to a pod's end.
--
-- Severity: warning
-- Grain:    one row when it is so
-- Reads:    recording.objects
--
-- Columns:
--   message  VARCHAR  What is doubtful, for people.
select
    'nothing of the cluster was recorded, so no pod can be blamed; while the test runs, keep '
    || '`kubectl get pods -A -w -o json --output-watch-events`, '
    || 'and the same of endpointslices and events' as message
where not exists (select 1 from recording.objects)
