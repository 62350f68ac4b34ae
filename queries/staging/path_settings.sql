-- Settings of proxies and kinds of load balancers that the recorded objects show: they say how fast a path learns.
--
-- Grain:    one row per setting, as its name stands in the table of floors
-- Reads:    recording.objects
-- Needs:    recording.objects
--
-- Columns:
--   step       VARCHAR  Step of the path that it sets.
--   seconds_s  DOUBLE   Its length, s; null where only its being there is known.
with arguments as (
    select distinct
        array_to_string(
            list_concat(
                json_extract_string(objects.object, '$.spec.containers[*].args[*]'),
                json_extract_string(objects.object, '$.spec.containers[*].command[*]'),
                json_extract_string(objects.object, '$.spec.template.spec.containers[*].args[*]'),
                json_extract_string(objects.object, '$.spec.template.spec.containers[*].command[*]')
            ),
            ' '
        ) as line
    from recording.objects
    where objects.kind in ('Pod', 'DaemonSet', 'Deployment')
),

flags as (
    select
        'kube-proxy: minSyncPeriod' as step,
        regexp_extract(arguments.line, '--(?:iptables|ipvs|nftables)-min-sync-period[= ](\S+)', 1) as value
    from arguments
    union all
    select
        'Traefik: providersThrottleDuration' as step,
        regexp_extract(lower(arguments.line), '--providers[.]providersthrottleduration[= ](\S+)', 1) as value
    from arguments
    union all
    select
        'traefik: idle connections' as step,
        regexp_extract(
            lower(arguments.line), '--serverstransport[.]forwardingtimeouts[.]idleconntimeout[= ](\S+)', 1
        ) as value
    from arguments
    union all
    select
        'ingress-nginx: sync queue, 0.3 a second' as step,
        try_cast(1 / try_cast(nullif(
            regexp_extract(arguments.line, '--sync-rate-limit[= ](\S+)', 1), ''
        ) as double) as varchar) || 's' as value
    from arguments
),

written as (
    select
        'kube-proxy: minSyncPeriod' as step,
        coalesce(
            json_extract_string(
                objects.object,
                '$.' || coalesce(nullif(json_extract_string(objects.object, '$.mode'), ''), 'iptables')
                || '.minSyncPeriod'
            ),
            ''
        ) as value
    from recording.objects
    where objects.kind = 'KubeProxyConfiguration'
),

every as (
    select
        flags.step,
        flags.value
    from flags
    union all
    select
        written.step,
        written.value
    from written
),

balancers as (
    select
        case
            when
                objects.kind = 'Service'
                and json_extract_string(objects.object, '$.spec.type') = 'LoadBalancer'
                and contains(objects.object, '.elb.')
                and contains(objects.object, 'amazonaws.com')
                then 'aws'
            when objects.kind = 'Ingress' and contains(objects.object, 'alb.ingress.kubernetes.io/')
                then 'aws'
            when contains(objects.object, 'cloud.google.com/neg-status') then 'gcp-neg'
            when contains(objects.object, 'appgw.ingress.kubernetes.io/') then 'azure-appgw'
            when contains(objects.object, 'alibaba-cloud-loadbalancer') then 'alibaba'
        end as name
    from recording.objects
    where objects.kind in ('Service', 'Ingress')
)

select
    every.step,
    max(
        try_cast(regexp_extract(every.value, '^([0-9.]+)(ms|s|m)$', 1) as double)
        * case regexp_extract(every.value, '^([0-9.]+)(ms|s|m)$', 2)
            when 'ms' then 0.001
            when 'm' then 60
            else 1
        end
    ) as seconds_s
from every
where regexp_matches(every.value, '^[0-9.]+(ms|s|m)$')
group by every.step
union all
select distinct
    'load balancer: ' || balancers.name as step,
    null::double as seconds_s
from balancers
where balancers.name is not null
