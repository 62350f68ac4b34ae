"""What importers of cluster data share: one observed object becomes one redacted row, or a reject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from zdtrace.importers.base import Options, Rows
from zdtrace.importers.json_values import MAX_CHARACTERS
from zdtrace.importers.text import Reject
from zdtrace.recording.redaction import Policy, TooDeep, redact_text
from zdtrace.recording.versions import masked

EVENT_TYPES = frozenset({"ADDED", "MODIFIED", "DELETED", "LISTED"})
BOOKMARK, ERROR = "BOOKMARK", "ERROR"

_OBJECT_COLUMNS = (
    "observed_at_ns", "event_type", "api_version", "kind",
    "namespace", "name", "uid", "resource_version", "object",
)
_GAP_COLUMNS = ("from_ns", "until_ns", "subject", "reason")
FIELDS = {
    **dict.fromkeys((*_OBJECT_COLUMNS, *_GAP_COLUMNS), "VARCHAR"),
    "observed_at_ns": "BIGINT", "from_ns": "BIGINT", "until_ns": "BIGINT",
}
ROWS = (
    Rows("objects", {name: f"r.{name}" for name in _OBJECT_COLUMNS}, when=f"r.event_type <> '{ERROR}'"),
    Rows("gaps", {name: f"r.{name}" for name in _GAP_COLUMNS}, when=f"r.event_type = '{ERROR}'"),
)
SKIP = f"coalesce(r.event_type = '{BOOKMARK}', false)"

Record = tuple[int, Mapping[str, Any]]


def policy(options: Options) -> Policy:
    """Return how objects are redacted. Raises UsageError when `--keep` or `--drop` is not understood."""
    return Policy(keep=options.keep, drop=options.drop)


def observed(
    line: int, event_type: object, found: object, observed_at_ns: int | None, rules: Policy,
    text: Callable[[], str] | None = None,
) -> Record | Reject:
    """Return the row of one object, as an iterator of Records yields it; `text` masks it, where somebody knows how."""
    if event_type == BOOKMARK:
        return line, {"event_type": BOOKMARK}
    if not isinstance(event_type, str) or event_type not in EVENT_TYPES:
        return Reject(line, "no known event type")
    if not isinstance(found, dict):
        return Reject(line, "no object")
    metadata = found.get("metadata")
    if not isinstance(metadata, dict):
        return Reject(line, "no metadata")
    row = {
        "api_version": found.get("apiVersion"),
        "kind": found.get("kind"),
        "namespace": metadata.get("namespace"),
        "name": metadata.get("name"),
        "uid": metadata.get("uid"),
        "resource_version": metadata.get("resourceVersion"),
    }
    for name, value in row.items():
        if name == "namespace" and value in (None, ""):
            row[name] = None
        elif not isinstance(value, str) or not value:
            return Reject(line, f"no {name}")
    text = text or partial(masked, found, rules)
    return _whole(line, {**row, "event_type": event_type, "observed_at_ns": observed_at_ns}, text)


def _whole(line: int, row: dict[str, Any], text: Callable[[], str]) -> Record | Reject:
    try:
        row["object"] = text()
        # Names and all are in the object: when it can be written, they can.
        size = len(row["object"].encode("utf-8"))
    except (TooDeep, RecursionError):
        return Reject(line, "nested too deeply")
    except UnicodeEncodeError:
        return Reject(line, "not UTF-8")
    return (line, row) if size <= MAX_CHARACTERS else Reject(line, "object over 8 MB")


def plural(kind: str) -> str:
    """Return the resource that a kind most likely is, as kubectl guesses it: `Ingress` is `ingresses`."""
    word = kind.lower()
    if word.endswith("endpoints"):
        return word
    if word.endswith("s"):
        return word + "es"
    return word.removesuffix("y") + "ies" if word.endswith("y") else word + "s"


def lost(found: object) -> str:
    """Return in words why a watch ended, from the Status object of its ERROR event."""
    if not isinstance(found, dict):
        return "watch ended with an error"
    words = [found.get(name) for name in ("code", "reason", "message")]
    text = " ".join(str(word) for word in words if isinstance(word, str | int) and word)[:500]
    return redact_text(text.encode("utf-8", "replace").decode("utf-8"))[:300] or "watch ended with an error"
