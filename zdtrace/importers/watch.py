"""Raw watch streams with the time at which each event arrived, one a line.

    {"observed_at_ns": 1795450610963555134, "event": {"type": "MODIFIED", "object": {…}}}

An ERROR event (410 Gone) ends a watch: what happened until the next event was not heard, a row of `gaps`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from zdtrace.importers import cluster
from zdtrace.importers.base import Head, Options, Reading, Records
from zdtrace.importers.json_values import Found, json_lines
from zdtrace.importers.text import Reject
from zdtrace.recording.redaction import Policy

_LINE = re.compile(r'^\s*\{\s*"observed_at_ns"\s*:\s*-?\d+\s*,\s*"event"\s*:\s*\{', re.MULTILINE)
_LARGEST = 2**63 - 1
_KINDS_NAMED = 10


@dataclass(frozen=True)
class Watch:
    """Lines of `observed_at_ns` and `event`."""

    name: str = "watch"
    title: str = "watch events with their arrival"
    clock: str = "recorder"

    def sniff(self, head: Head) -> bool:
        """Look for the two fields."""
        return bool(_LINE.search(head.text))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is an event."""
        return Reading(
            raw=Records(cluster.FIELDS, partial(_events, rules=cluster.policy(options))),
            rows=cluster.ROWS,
            skip=cluster.SKIP,
            written="instant of arrival",
            withhold_rejects=True,
        )


@dataclass(slots=True)
class _Ear:
    """What a watch has heard so far, and the error after which it heard nothing yet."""

    heard_at_ns: int | None = None
    kinds: set[str] = field(default_factory=set)
    lost: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def hear(self, observed_at_ns: int, kind: object) -> Iterator[cluster.Record]:
        """Note an event; yields the gap that it ends."""
        yield from self.gaps(until_ns=observed_at_ns)
        self.heard_at_ns = observed_at_ns
        if isinstance(kind, str) and len(self.kinds) < _KINDS_NAMED:
            self.kinds.add(cluster.plural(kind))

    def lose(self, line: int, observed_at_ns: int, status: object) -> None:
        """Note an error."""
        from_ns = observed_at_ns if self.heard_at_ns is None else self.heard_at_ns
        row = {"event_type": cluster.ERROR, "from_ns": from_ns, "reason": cluster.lost(status)}
        self.lost.append((line, row))

    def gaps(self, until_ns: int | None) -> Iterator[cluster.Record]:
        """Yield the errors that were waiting for the next event."""
        subject = ", ".join(sorted(self.kinds)).encode("utf-8", "replace").decode("utf-8") or "watch"
        for line, row in self.lost:
            yield line, {**row, "until_ns": until_ns, "subject": subject}
        self.lost.clear()


def _events(path: Path, rules: Policy) -> Iterator[cluster.Record | Reject]:
    ear = _Ear()
    for each in json_lines(path):
        if isinstance(each, Reject):
            yield each
        else:
            yield from _event(each, ear, rules)
    yield from ear.gaps(until_ns=None)


def _event(each: Found, ear: _Ear, rules: Policy) -> Iterator[cluster.Record | Reject]:
    observed_at_ns, event = each.value.get("observed_at_ns"), each.value.get("event")
    if not isinstance(observed_at_ns, int) or isinstance(observed_at_ns, bool):
        yield Reject(each.line, "no time")
    elif not 0 < observed_at_ns <= _LARGEST:
        yield Reject(each.line, "time outside 2000 to 2100")
    elif not isinstance(event, dict):
        yield Reject(each.line, "no event")
    elif event.get("type") == cluster.ERROR:
        ear.lose(each.line, observed_at_ns, event.get("object"))
    else:
        row = cluster.observed(each.line, event.get("type"), event.get("object"), observed_at_ns, rules)
        if not isinstance(row, Reject):
            found = event.get("object")
            yield from ear.hear(observed_at_ns, found.get("kind") if isinstance(found, dict) else None)
        yield row
