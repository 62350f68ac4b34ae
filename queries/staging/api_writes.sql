-- Writes to pods that the API server logged.
--
-- Kind:     table
-- Grain:    one row per logged write to a pod
-- Reads:    recording.api_requests, staging.source_clocks
-- Needs:    recording.api_requests
--
-- Columns:
--   reference       VARCHAR  Where it stands: `source:line`.
--   happened_lo_ns  BIGINT   Received, reference clock, earliest.
--   happened_hi_ns  BIGINT   Received, reference clock, latest.
--   verb            VARCHAR  create, update, patch, delete.
--   namespace       VARCHAR  Namespace of the pod.
--   name            VARCHAR  Name of the pod.
--   is_pod_removal  BOOLEAN  A successful delete or eviction, not the kubelet's or garbage collector's last word.
--   is_eviction     BOOLEAN  Through the eviction API.
--   is_controller   BOOLEAN  Asked by a controller of Kubernetes itself.
--   username        VARCHAR  Who asked.
--   user_agent      VARCHAR  With which program.
select
    source_clocks.source || ':' || api_requests.line as reference,
    api_requests.received_at_ns - source_clocks.offset_hi_ns as happened_lo_ns,
    api_requests.received_at_ns + 1000 - source_clocks.offset_lo_ns as happened_hi_ns,
    api_requests.verb,
    api_requests.namespace,
    api_requests.name,
    (
        api_requests.status between 200 and 299
        and (
            (api_requests.verb = 'delete' and api_requests.subresource is null)
            or (api_requests.verb = 'create' and api_requests.subresource = 'eviction')
        )
        and not starts_with(coalesce(api_requests.username, ''), 'system:node:')
        and not starts_with(coalesce(api_requests.user_agent, ''), 'kubelet/')
    ) as is_pod_removal,
    coalesce(api_requests.subresource = 'eviction', false) as is_eviction,
    (
        starts_with(coalesce(api_requests.user_agent, ''), 'kube-controller-manager/')
        or starts_with(coalesce(api_requests.username, ''), 'system:serviceaccount:kube-system:')
        or coalesce(api_requests.username, '') = 'system:kube-controller-manager'
    ) as is_controller,
    api_requests.username,
    api_requests.user_agent
from recording.api_requests
inner join staging.source_clocks on api_requests.source_id = source_clocks.source_id
where api_requests.resource = 'pods'
