-- Every observed version of every pod, the fields that a verdict needs.
--
-- Kind:     table
-- Grain:    one row per pod version
-- Reads:    recording.objects, staging.source_clocks
-- Needs:    recording.objects
--
-- Columns:
--   pod_uid             VARCHAR    UID of the pod.
--   pod_name            VARCHAR    Name of the pod.
--   namespace           VARCHAR    Namespace of the pod.
--   reference           VARCHAR    Where the version stands: `source:line`.
--   event_type          VARCHAR    ADDED, MODIFIED, DELETED or LISTED.
--   observed_lo_ns      BIGINT     Earliest moment it was seen, reference clock; null when nobody noted it.
--   observed_hi_ns      BIGINT     Latest moment it was seen, reference clock.
--   version             UBIGINT    resourceVersion as a number: the order in which versions were written.
--   pod_ip              VARCHAR    Address; null before it has one.
--   node_name           VARCHAR    Node; null before scheduling.
--   template_hash       VARCHAR    pod-template-hash (or controller-revision-hash); null without a controller.
--   owner_kind          VARCHAR    Kind of its controller; null without one.
--   owner_name          VARCHAR    Name of its controller.
--   created_ns          BIGINT     creationTimestamp, apiserver, whole seconds.
--   delete_deadline_ns  BIGINT     deletionTimestamp, apiserver, whole seconds; null while it lives.
--   delete_grace_s      BIGINT     deletionGracePeriodSeconds; null while it lives.
--   grace_period_s      BIGINT     terminationGracePeriodSeconds of the spec.
--   prestop_s           DOUBLE     Seconds its longest preStop sleeps; null without preStop or when it does not say.
--   has_prestop         BOOLEAN    Whether any container has a preStop hook.
--   has_readiness       BOOLEAN    Whether any container has a readiness or startup probe.
--   is_ready            BOOLEAN    Condition Ready.
--   ready_changed_ns    BIGINT     When Ready last changed, node, whole seconds.
--   disruption          VARCHAR    Reason of the condition DisruptionTarget; null when none.
--   disrupted_ns        BIGINT     When that condition was set, apiserver or node, whole seconds.
--   ended_reason        VARCHAR    Why the kubelet ended it, status.reason: Evicted, Terminated, NodeLost, …; null mostly.
--   is_prestop_sleep    BOOLEAN    Every preStop hook does nothing but sleep; true without one.
--   is_prestop_stop     BOOLEAN    A preStop hook says that it stops the application, before any sleep.
--   labels              MAP(VARCHAR, VARCHAR)  Labels of the pod; null without any.
with parsed as (
    select
        objects.uid,
        objects.name,
        objects.namespace,
        objects.event_type,
        objects.observed_at_ns,
        objects.resource_version,
        objects.source_id,
        objects.line,
        try(from_json(
            objects.object,
            '{"metadata": {"creationTimestamp": "VARCHAR", "deletionTimestamp": "VARCHAR",
            "deletionGracePeriodSeconds": "BIGINT", "labels": "MAP(VARCHAR, VARCHAR)",
            "ownerReferences": [{"kind": "VARCHAR", "name": "VARCHAR", "controller": "BOOLEAN"}]},
            "spec": {"nodeName": "VARCHAR", "terminationGracePeriodSeconds": "BIGINT", "containers": [{"name": "VARCHAR",
            "readinessProbe": "JSON", "startupProbe": "JSON", "lifecycle": {"preStop": {"exec": {"command": ["VARCHAR"]},
            "sleep": {"seconds": "BIGINT"}, "httpGet": "JSON", "tcpSocket": "JSON"}}}]},
            "status": {"podIP": "VARCHAR", "phase": "VARCHAR", "reason": "VARCHAR", "conditions": [{"type": "VARCHAR", "status": "VARCHAR",
            "reason": "VARCHAR", "lastTransitionTime": "VARCHAR"}]}}'
        )) as pod
    from recording.objects
    where objects.kind = 'Pod' and objects.api_version = 'v1' and objects.uid is not null
    qualify row_number() over (
        partition by objects.uid, objects.resource_version, objects.event_type
        order by objects.observed_at_ns nulls last, objects.source_id, objects.line
    ) = 1
),

hooked as (
    select
        parsed.*,
        -- A hook is known by its words: the command, or the path that it asks the container for.
        list_filter(list_transform(
            parsed.pod.spec.containers,
            lambda container: {
                'words': case
                    when len(container.lifecycle.prestop.exec.command) > 0
                        then array_to_string(container.lifecycle.prestop.exec.command, ' ')
                    when container.lifecycle.prestop.httpget is not null
                        then 'GET ' || coalesce(container.lifecycle.prestop.httpget ->> '$.path', '/')
                end
            }
        ), lambda hook: hook.words is not null) as hooks,
        list_filter(
            parsed.pod.status.conditions,
            lambda condition: condition.type = 'DisruptionTarget' and condition.status = 'True'
        )[1] as disruption
    from parsed
)

select
    hooked.uid as pod_uid,
    hooked.name as pod_name,
    hooked.namespace,
    source_clocks.source || ':' || hooked.line as reference,
    hooked.event_type,
    hooked.observed_at_ns - source_clocks.offset_hi_ns as observed_lo_ns,
    hooked.observed_at_ns - source_clocks.offset_lo_ns as observed_hi_ns,
    try_cast(hooked.resource_version as ubigint) as version,
    hooked.pod.status.podip as pod_ip,
    hooked.pod.spec.nodename as node_name,
    coalesce(
        hooked.pod.metadata.labels['pod-template-hash'],
        hooked.pod.metadata.labels['controller-revision-hash']
    ) as template_hash,
    list_filter(hooked.pod.metadata.ownerreferences, lambda owner: owner.controller)[1].kind as owner_kind,
    list_filter(hooked.pod.metadata.ownerreferences, lambda owner: owner.controller)[1].name as owner_name,
    second_ns(hooked.pod.metadata.creationtimestamp) as created_ns,
    second_ns(hooked.pod.metadata.deletiontimestamp) as delete_deadline_ns,
    hooked.pod.metadata.deletiongraceperiodseconds as delete_grace_s,
    hooked.pod.spec.terminationgraceperiodseconds as grace_period_s,
    list_max(list_transform(
        hooked.pod.spec.containers,
        lambda container: coalesce(
            container.lifecycle.prestop.sleep.seconds::double,
            try_cast(nullif(regexp_extract(
                array_to_string(container.lifecycle.prestop.exec.command, ' '),
                '(?:^|[ /;&|])sleep +([0-9.]+)',
                1
            ), '') as double)
        )
    )) as prestop_s,
    coalesce(list_bool_or(list_transform(
        hooked.pod.spec.containers,
        lambda container: coalesce(len(container.lifecycle.prestop.exec.command) > 0, false)
        or container.lifecycle.prestop.sleep.seconds is not null
        or container.lifecycle.prestop.httpget is not null
        or container.lifecycle.prestop.tcpsocket is not null
    )), false) as has_prestop,
    coalesce(list_bool_or(list_transform(
        hooked.pod.spec.containers,
        lambda container: container.readinessprobe is not null or container.startupprobe is not null
    )), false) as has_readiness,
    coalesce(
        list_filter(hooked.pod.status.conditions, lambda condition: condition.type = 'Ready')[1].status
        = 'True',
        false
    ) as is_ready,
    second_ns(
        list_filter(hooked.pod.status.conditions, lambda condition: condition.type = 'Ready')[
            1
        ].lasttransitiontime
    ) as ready_changed_ns,
    hooked.disruption.reason as disruption,
    second_ns(hooked.disruption.lasttransitiontime) as disrupted_ns,
    hooked.pod.status.reason as ended_reason,
    coalesce(list_bool_and(list_transform(
        hooked.hooks,
        lambda hook: regexp_full_match(
            hook.words, '(?:\S*sh -c +)?(?:exec +)?(?:/\S*/)?sleep +[0-9.]+[smh]?(?:infinity)?;?'
        )
    )), true) as is_prestop_sleep,
    coalesce(list_bool_or(list_transform(
        hooked.hooks,
        lambda hook: regexp_matches(
            split_part(hook.words, 'sleep', 1),
            '(?i)\b(?:quit|stop|shutdown|kill|terminate|quitquitquit|killall|pkill)\b'
        )
    )), false) as is_prestop_stop,
    hooked.pod.metadata.labels
from hooked
inner join staging.source_clocks on hooked.source_id = source_clocks.source_id
where hooked.pod is not null
