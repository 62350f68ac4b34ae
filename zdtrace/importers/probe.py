"""`zdtrace probe`'s log: a line a request, START and END in ns; and apart from them, those to the canary."""

from __future__ import annotations

from dataclasses import dataclass

from zdtrace.importers.base import Head, JsonLines, Options, Reading, Rows

_NUMBERS = ("intended_at_ns", "started_at_ns", "ended_at_ns")
_WORDS = ("error", "method", "url", "request_id", "pod")
_TRUTHS = ("is_canary", "is_truncated", "is_reused")
_STATUS = "case when r.status between 100 and 999 then r.status end"
_COMMON = {
    "started_at_ns": "r.started_at_ns",
    "ended_at_ns": "r.ended_at_ns",
    "resolution_ns": "1",
    "status": _STATUS,
    "error": f"case when {_STATUS} is null then coalesce(r.error, 'no response') else r.error end",
    "is_truncated": "r.is_truncated",
    "url": "r.url",
    "correlation_id": "r.request_id",
    "intended_at_ns": "r.intended_at_ns",
    "is_connection_reused": "r.is_reused",
}


@dataclass(frozen=True)
class ProbeLog:
    """`zdtrace probe --log FILE`."""

    name: str = "zdtrace-probe"
    title: str = "zdtrace probe"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for its own keys."""
        return head.has_objects_with("probe", "intended_at_ns", "started_at_ns", "lane", "is_canary")

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request."""
        fields = {
            **dict.fromkeys(_NUMBERS, "BIGINT"), **dict.fromkeys(_WORDS, "VARCHAR"),
            **dict.fromkeys(_TRUTHS, "BOOLEAN"), "status": "INTEGER",
        }
        requests = {**_COMMON, "method": "r.method", "pod_name": "r.pod"}
        return Reading(
            raw=JsonLines(fields),
            rows=(
                Rows("requests", requests, when="not r.is_canary"),
                Rows("canary_requests", _COMMON, when="r.is_canary"),
            ),
            reject="case when r.is_canary is null then 'no kind' when r.ended_at_ns < r.started_at_ns "
            "then 'ends before it starts' end",
            written="intended start, start and end",
        )
