"""The API server's audit log: who wrote what, when, to the microsecond.

One JSON object a line, times in UTC. Reads are left out, and so are the objects that higher audit levels
log: they hold secrets. Source: k8s.io/apiserver/pkg/apis/audit/v1/types.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.importers.base import Head, JsonLines, Options, Reading, Rows

_LINE = re.compile(r'"apiVersion"\s*:\s*"audit\.k8s\.io/v1')
_FIELDS = {
    "auditID": "VARCHAR",
    "stage": "VARCHAR",
    "verb": "VARCHAR",
    "requestURI": "VARCHAR",
    "requestReceivedTimestamp": "VARCHAR",
    "stageTimestamp": "VARCHAR",
    "userAgent": "VARCHAR",
    "user": "JSON",
    "objectRef": "JSON",
    "responseStatus": "JSON",
    "requestObject": "JSON",
}
_GRACE_IN_URI = r"regexp_extract(r.requestURI, '[?&]gracePeriodSeconds=(\d{1,9})', 1)"
_COLUMNS = {
    "received_at_ns": "iso_ns(r.requestReceivedTimestamp)",
    "completed_at_ns": "case when r.stage in ('ResponseComplete', 'Panic') then iso_ns(r.stageTimestamp) end",
    "stage": "r.stage",
    "verb": "r.verb",
    "resource": "r.objectRef->>'$.resource'",
    "subresource": "nullif(r.objectRef->>'$.subresource', '')",
    "namespace": "nullif(r.objectRef->>'$.namespace', '')",
    "name": "nullif(r.objectRef->>'$.name', '')",
    "status": "r.responseStatus->>'$.code'",
    "username": "r.\"user\"->>'$.username'",
    "user_agent": "r.userAgent",
    "audit_id": "r.auditID",
    # An eviction holds the options of its delete.
    "grace_period_s": f"""try_cast(coalesce(
        r.requestObject->>'$.gracePeriodSeconds', r.requestObject->>'$.deleteOptions.gracePeriodSeconds',
        nullif({_GRACE_IN_URI}, '')
    ) as bigint)""",
}


@dataclass(frozen=True)
class AuditLog:
    """`--audit-log-format json`, also as a webhook backend stores it line by line."""

    name: str = "audit"
    title: str = "kube-apiserver audit log"
    clock: str = "apiserver"

    def sniff(self, head: Head) -> bool:
        """Look for the API group, which no other file begins with."""
        return bool(_LINE.search(head.text[:4096])) or head.has_objects_with("auditID", "stage", "verb")

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a stage of a request."""
        return Reading(
            raw=JsonLines(_FIELDS),
            rows=(Rows("api_requests", _COLUMNS),),
            skip="coalesce(r.verb in ('get', 'list', 'watch') and r.auditID is not null, false)",
            reject="case when r.auditID is null or r.verb is null then 'not an audit event' end",
            written="received and answered",
            resolution_ns=1000,
            withhold_rejects=True,
        )
