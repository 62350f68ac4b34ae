"""The words of a verdict: one causal sentence, and what the short names in it mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from math import floor
from typing import TYPE_CHECKING

from zdtrace.analysis.catalog import library

if TYPE_CHECKING:
    from zdtrace.analysis.diagnosis import Cause, Check, Requests

UNATTRIBUTED = "unattributed"
TIERS = {
    "A": "certain: pod and phase are known by a request id and a line that names the error",
    "B": "pod and phase are certain, its line was found by time",
    "C": "one cause fits, from the client's log and the cluster alone",
    "D": "several causes fit; this is the likeliest",
    "U": "no cause fits",
}
SOURCE_USES = {
    "requests": "requests and how they ended",
    "canary_requests": "what the same client got from a second path",
    "client_messages": "error texts of the client",
    "expected_counts": "cross-check of the counts",
    "proxy_requests": "tries and pod addresses",
    "proxy_events": "config changes and upstream errors",
    "objects": "pods, endpoints, events",
    "api_requests": "deletions to the microsecond",
    "marks": "what was done when",
    "clock_samples": "distance of clocks",
    "gaps": "when nobody listened",
}
_NAMED_CAUSES = 3


def counted(number: int) -> str:
    """Return a number as people read it: `20 000`."""
    return f"{number:,}".replace(",", " ")


def clock_time(ns: int) -> str:
    """Return the time of the day in UTC, to the microsecond."""
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%H:%M:%S}.{ns % 1_000_000_000 // 1000:06}"


def at_least(share: float) -> str:
    """Return a share in per cent that is never more than it is: a claim is not rounded up."""
    return f"{floor(share * 100 + 1e-9)}%"


def title(cause: str) -> str:
    """Return the heading of a cause."""
    return "Not explained" if cause == UNATTRIBUTED else library()[f"causes.{cause}"].fields["Title"]


def clause(cause: str) -> str:
    """Return what happened to a request of this cause, to follow a number: `went to a pod that …`."""
    if cause == UNATTRIBUTED:
        return "could not be explained"
    fields = library()[f"causes.{cause}"].fields
    return fields.get("Clause") or f"failed so: {fields['Title']}"


def evidence_wanted(tables: Collection[str], *, has_proxy_lines: bool) -> str:
    """Return which evidence would make a doubtful verdict surer, by what the recording has already."""
    wanted = []
    if "objects" not in tables:
        wanted.append("a watch of pods, endpointslices and events from the time of the test")
    if "proxy_requests" not in tables:
        wanted.append("the proxy's access log with upstream addresses, if a proxy stands before the pods")
    elif not has_proxy_lines:
        wanted.append("a request id (X-Request-ID) that the client sends and both logs hold")
    if "proxy_events" not in tables:
        wanted.append("the proxy's error log")
    return "; ".join(wanted) or "the application's own log of that moment: all that we read was there"


def sentence(requests: Requests, causes: Sequence[Cause], doubts: Sequence[Check]) -> str:
    """Return the verdict in one sentence. `doubts` are the checks for which nothing can be called a pass."""
    total = counted(requests.total)
    if requests.failed:
        whom = "1 request" if requests.total == 1 else f"{counted(requests.failed)} of {total} requests"
        return f"{whom} failed: {_why([(each.failed, each.name) for each in causes], requests.failed)}."
    if not requests.total:
        return "Nothing can be said: no request was recorded."
    if doubts:
        return f"None of {total} requests is seen to have failed, but {doubts[0].message}."
    if requests.near_misses:
        why = _why([(each.near_misses, each.name) for each in causes], requests.near_misses)
        return f"None of {total} requests failed; a retry healed {counted(requests.near_misses)}: {why}."
    return f"None of {total} requests failed."


def _why(counts: Sequence[tuple[int, str]], total: int) -> str:
    some = sorted((each for each in counts if each[0]), key=lambda each: -each[0])
    if len(some) == 1 and some[0][0] == total:
        return f"{'it' if total == 1 else 'all of them'} {clause(some[0][1])}"
    named = some if len(some) <= _NAMED_CAUSES + 1 else some[:_NAMED_CAUSES]
    parts = [f"{counted(count)} {clause(cause)}" for count, cause in named]
    if len(named) < len(some):
        left = some[len(named):]
        parts.append(f"{counted(sum(count for count, _ in left))} for {len(left)} other reasons")
    return ", ".join(parts)
