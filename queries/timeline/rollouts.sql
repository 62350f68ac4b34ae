-- Changes of a workload's pod template: from the first pod of the new one to the end of the last pod of an older one.
--
-- Kind:     table
-- Grain:    one row per workload and new template
-- Reads:    timeline.pod_lifecycles
-- Needs:    timeline.pod_lifecycles
--
-- Columns:
--   workload       VARCHAR  `kind/name`.
--   namespace      VARCHAR  Namespace.
--   template_hash  VARCHAR  The new template.
--   started_lo_ns  BIGINT   Its first pod was created, earliest, reference clock.
--   ended_hi_ns    BIGINT   The last pod of an older template was gone; null while one is there.
--   recreated_lo_ns  BIGINT  When the last older pod was deleted, if that was before the first new one was made (strategy
--                            Recreate), earliest; null otherwise.
with templates as (
    select
        pod_lifecycles.namespace,
        pod_lifecycles.workload,
        pod_lifecycles.template_hash,
        min(pod_lifecycles.created_lo_ns) as created_lo_ns,
        max(coalesce(pod_lifecycles.gone_hi_ns, pod_lifecycles.exited_hi_ns, 9223372036854775807))
            as gone_hi_ns,
        max(coalesce(pod_lifecycles.deleted_lo_ns, 9223372036854775807)) as deleted_lo_ns
    from timeline.pod_lifecycles
    where pod_lifecycles.template_hash is not null
    group by pod_lifecycles.namespace, pod_lifecycles.workload, pod_lifecycles.template_hash
)

select
    new_templates.workload,
    new_templates.namespace,
    new_templates.template_hash,
    new_templates.created_lo_ns as started_lo_ns,
    nullif(max(old_templates.gone_hi_ns), 9223372036854775807) as ended_hi_ns,
    case
        when max(old_templates.deleted_lo_ns) < new_templates.created_lo_ns
            then max(old_templates.deleted_lo_ns)
    end as recreated_lo_ns
from templates as new_templates
inner join templates as old_templates
    on
        new_templates.workload = old_templates.workload
        and new_templates.namespace = old_templates.namespace
        and new_templates.created_lo_ns > old_templates.created_lo_ns
        -- With the strategy Recreate the new pods come when the last old one is gone.
        and new_templates.created_lo_ns
        < least(old_templates.gone_hi_ns, 9223372036854775807 - 2000000000) + 2000000000
group by
    new_templates.workload, new_templates.namespace, new_templates.template_hash, new_templates.created_lo_ns
