-- Every object as it was last seen.
--
-- Grain:    one row per object
-- Reads:    recording.objects
-- Needs:    recording.objects
--
-- Columns:
--   kind        VARCHAR  Kind of the object.
--   namespace   VARCHAR  Namespace; null for cluster-wide kinds.
--   name        VARCHAR  Name.
--   is_deleted  BOOLEAN  Whether it was gone then.
--   object      VARCHAR  The object as JSON, secrets masked.
select
    objects.kind,
    objects.namespace,
    objects.name,
    objects.event_type = 'DELETED' as is_deleted,
    objects.object
from recording.objects
qualify row_number() over (
    partition by objects.kind, objects.uid
    order by
        objects.observed_at_ns desc nulls last,
        try_cast(objects.resource_version as ubigint) desc nulls last,
        objects.source_id desc,
        objects.line desc
) = 1
