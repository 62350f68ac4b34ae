"""kube-proxy's log (klog): when it began to write rules, and when the Service path had them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.importers.base import Head, Options, Pattern, Reading, Rows
from zdtrace.importers.local_time import KLOG, go_duration_ms, klog_notes, klog_ns

_MARKS = re.compile(r'\] "(?:Syncing \w+ rules|[Ss]yncProxyRules complete|Calling handler\.OnEndpointSlice)')
# nftables and ipvs say the same words with another name for the rules.
_EVENT = r"""case
    when regexp_matches(r.klog_message, '^"Syncing \w+ rules"') then 'sync_began'
    when regexp_matches(r.klog_message, '^"[Ss]yncProxyRules complete"') then 'sync_done'
    when regexp_matches(r.klog_message, '^"(?:Adding new|Removing) service endpoints"') then 'endpoints_seen'
    when r.klog_level = 'E' and regexp_matches(r.klog_message, '(?i)failed to execute|sync failed|restore')
        then 'config_failed'
end"""


@dataclass(frozen=True)
class KubeProxy:
    """Its lines about syncs; `-v=2` or more is needed for most of them."""

    name: str = "kube-proxy"
    title: str = "kube-proxy's log"
    clock: str = "node"

    def sniff(self, head: Head) -> bool:
        """Look for what only kube-proxy says."""
        return any(_MARKS.search(line) for line in head.lines)

    def read(self, head: Head, options: Options) -> Reading:
        """Raises UnusableFile when nothing tells the year."""
        columns = {
            "logged_at_ns": klog_ns(head, options),
            "resolution_ns": "1000",
            "proxy": "'kube-proxy'",
            "event": _EVENT,
            "level": "r.klog_level",
            "duration_ms": go_duration_ms('regexp_extract(r.klog_message, \' elapsed="([^"]+)"\', 1)'),
            "subject": "nullif(regexp_extract(r.klog_message, ' portName=\"([^\":]+)', 1), '')",
            "message": "r.klog_message",
        }
        return Reading(
            raw=Pattern(f"^{KLOG}$", required="klog_time"),
            rows=(Rows("proxy_events", columns),),
            written="instant",
            resolution_ns=1000,
            skip=f"r is not null and ({_EVENT}) is null",
            notes=klog_notes(head, options),
        )
