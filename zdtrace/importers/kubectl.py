"""What `kubectl` prints: watches, snapshots and events as JSON. None of it says when it was seen.

`get -w -o json` writes each version of an object without saying whether it was added, changed or deleted;
`--output-watch-events` says it. A snapshot is one list, or one object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zdtrace.errors import UnusableFile
from zdtrace.importers import cluster
from zdtrace.importers.base import Head, Options, Reading, Records
from zdtrace.importers.json_values import Found, json_documents, json_lines
from zdtrace.importers.text import Reject
from zdtrace.recording.redaction import Policy

_WATCH_EVENT = re.compile(
    r'^\{\s*"type"\s*:\s*"(?:ADDED|MODIFIED|DELETED|BOOKMARK|ERROR)"\s*,\s*"object"\s*:\s*\{', re.MULTILINE
)
_OBJECT = re.compile(r'^\{\s*"(?:apiVersion|kind|items|metadata)"\s*:', re.MULTILINE)
_NO_TIME = "kubectl does not write when it saw an object: `observed_at_ns` is null"
_NO_TYPE = "without --output-watch-events new, changed and deleted objects look alike: a watch's are MODIFIED"
_FOR_PEOPLE = re.compile(
    r"(?:NAMESPACE +)?(?:NAME|LAST SEEN) {2,}[A-Z]|(?:---\s+)?(?:apiVersion|kind|items): *\S"
)


@dataclass(frozen=True)
class KubectlWatch:
    """`kubectl get … -w -o json --output-watch-events`, and `kubectl get --raw '…?watch=1'`."""

    name: str = "kubectl-watch"
    title: str = "kubectl watch events (json)"
    clock: str = "recorder"

    def sniff(self, head: Head) -> bool:
        """Look for the two fields of a watch event."""
        return bool(_WATCH_EVENT.search(head.text))

    def read(self, head: Head, options: Options) -> Reading:
        """A JSON object is an event."""
        is_compact = not re.search(r"^\{\s*$", head.text, re.MULTILINE)
        return _reading(partial(_watched, rules=cluster.policy(options), is_compact=is_compact), _NO_TIME)


@dataclass(frozen=True)
class KubectlJson:
    """`kubectl get … -o json` with or without `-w`, `kubectl events -o json`."""

    name: str = "kubectl-json"
    title: str = "kubectl objects (json)"
    clock: str = "recorder"

    def sniff(self, head: Head) -> bool:
        """Look for an object that says its version and kind, or a list."""
        text = head.text
        names_type = bool(_OBJECT.search(text)) and '"apiVersion"' in text
        return names_type and ('"metadata"' in text or '"items"' in text)

    def read(self, head: Head, options: Options) -> Reading:
        """An object, or an item of a list, is a row: LISTED, or MODIFIED where several objects follow on."""
        return _reading(partial(_objects, rules=cluster.policy(options)), _NO_TIME, _NO_TYPE)


@dataclass(frozen=True)
class KubectlText:
    """Tables and YAML: for people, not for us."""

    name: str = "kubectl-text"
    title: str = "kubectl table or YAML"
    clock: str = "recorder"

    def sniff(self, head: Head) -> bool:
        """Look for the heading of a table, or an object's first field in YAML."""
        return bool(_FOR_PEOPLE.match(head.text))

    def read(self, head: Head, options: Options) -> Reading:
        """Refuse it."""
        raise UnusableFile(
            head.path, "a table or YAML of kubectl lacks what a verdict needs",
            hint="run `kubectl get pods -w -o json --output-watch-events > pods.json` and import that",
        )


def _reading(iterate: partial[Iterator[cluster.Record | Reject]], *notes: str) -> Reading:
    return Reading(
        raw=Records(cluster.FIELDS, iterate),
        rows=cluster.ROWS,
        skip=cluster.SKIP,
        written="no instant",
        withhold_rejects=True,
        notes=notes,
    )


def _watched(path: Path, rules: Policy, *, is_compact: bool) -> Iterator[cluster.Record | Reject]:
    subject = "watch"
    for each in json_lines(path) if is_compact else json_documents(path):
        if isinstance(each, Reject):
            yield each
            continue
        event_type, found = each.value.get("type"), each.value.get("object")
        if event_type == cluster.ERROR:
            yield each.line, {"event_type": cluster.ERROR, "subject": subject, "reason": cluster.lost(found)}
            continue
        row = cluster.observed(each.line, event_type, found, None, rules)
        if not isinstance(row, Reject) and "kind" in row[1]:
            subject = cluster.plural(row[1]["kind"])
        yield row


def _objects(path: Path, rules: Policy) -> Iterator[cluster.Record | Reject]:
    """Yield rows; the first object waits for a second one, which tells that the file is a watch."""
    first: Found | None = None
    is_watch = False
    for each in json_documents(path):
        if isinstance(each, Reject):
            yield each
        elif each.of_list is not None:
            yield cluster.observed(each.line, "LISTED", _with_kind(each), None, rules)
        elif first is None:
            first = each
        else:
            if not is_watch:
                is_watch = True
                yield cluster.observed(first.line, "MODIFIED", first.value, None, rules)
            yield cluster.observed(each.line, "MODIFIED", each.value, None, rules)
    if first is not None and not is_watch:
        yield cluster.observed(first.line, "LISTED", first.value, None, rules)


def _with_kind(each: Found) -> dict[str, object]:
    """Return an item of a typed list (`PodList`) with the kind and version that only its list says."""
    of_list = each.of_list or {}
    kind = of_list.get("kind")
    if "kind" in each.value or not isinstance(kind, str) or kind == "List":
        return each.value
    return {"kind": kind.removesuffix("List"), "apiVersion": of_list.get("apiVersion"), **each.value}
