-- A pod came and went while pods were not listened to: Events tell of it, no version of it was seen.
--
-- What was written while nobody listened is read from the API server's history by its name, and nothing there names what
-- is gone already.
--
-- Severity: data_loss
-- Grain:    one row per pod
-- Reads:    recording.gaps, recording.objects, staging.cluster_events
-- Needs:    recording.gaps, staging.cluster_events
--
-- Columns:
--   message    VARCHAR  What is doubtful, for people.
--   namespace  VARCHAR  Namespace of the pod.
--   pod        VARCHAR  Its name.
--   reasons    VARCHAR  What the Events say, in their order.
with unheard as (
    select distinct
        cluster_events.event_uid,
        cluster_events.namespace,
        cluster_events.about_name,
        cluster_events.about_uid,
        cluster_events.reason,
        cluster_events.happened_lo_ns
    from staging.cluster_events
    inner join recording.gaps
        on
            cluster_events.happened_hi_ns >= gaps.from_ns
            and cluster_events.happened_lo_ns <= coalesce(gaps.until_ns, cluster_events.happened_lo_ns)
    where
        cluster_events.about_kind = 'Pod' and gaps.subject = 'pods'
        and not starts_with(gaps.reason, 'right missing')
        and cluster_events.about_uid not in (
            select objects.uid from recording.objects
            where objects.kind = 'Pod'
        )
)

select
    'pod `' || unheard.about_name || '` came and went while pods were not listened to, '
    || 'only Events tell of it: '
    || string_agg(unheard.reason, ', ' order by unheard.happened_lo_ns, unheard.event_uid)
        as message,
    unheard.namespace,
    unheard.about_name as pod,
    string_agg(unheard.reason, ', ' order by unheard.happened_lo_ns, unheard.event_uid) as reasons
from unheard
group by unheard.namespace, unheard.about_name, unheard.about_uid
order by unheard.namespace, pod
