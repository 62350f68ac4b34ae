"""Changes of one object, small enough to be written down before they are made, and to be taken back one by one.

A change is taken back only where the object still says what we wrote: what somebody else has set since stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zdtrace.recording.redaction import MASK, redact_text

Path = tuple[str | int, ...]
Operation = dict[str, Any]
_EDITED = (("metadata", "labels"), ("metadata", "annotations"), ("spec",), ("data",))
"""The parts of an object that an edit may change; the API server writes the rest by itself."""
_SECRET = frozenset({"env", "envFrom", "data"})
_LONGEST = 80
_OWN_ANNOTATIONS = frozenset({"deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"})
"""Written by controllers when something else changes."""


class _Missing:
    """Stands for a field that is not there."""

    def __repr__(self) -> str:
        return "missing"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Change:
    """One field: where it is, what it says before and what it is to say. MISSING where it is not there."""

    path: Path
    before: Any
    after: Any

    @property
    def words(self) -> str:
        """Name the change for people: `spec.replicas: 3 -> 5`. Values that may be secret are not in it."""
        where = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in self.path).lstrip(".")
        is_secret = not _SECRET.isdisjoint(self.path)
        return f"{where}: {_shown(self.before, is_secret)} -> {_shown(self.after, is_secret)}"

    def as_json(self) -> dict[str, Any]:
        """Return the change for a journal; what is missing is left out."""
        values = {"before": self.before, "after": self.after}
        return {"path": list(self.path), **{name: value for name, value in values.items() if value is not MISSING}}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Change:
        """Read a change from a journal."""
        return cls(tuple(found["path"]), found.get("before", MISSING), found.get("after", MISSING))


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what differs between two versions of an object, as far as people set it, field by field.

    Lists of one length are compared item by item; of a list that grew or shrank the whole is one change.
    """
    found: list[Change] = []
    for path in _EDITED:
        found += _differences(lookup(before, path), lookup(after, path), path)
    return tuple(each for each in found if each.path[-1] not in _OWN_ANNOTATIONS)


def _differences(before: Any, after: Any, path: Path) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from _differences(before.get(name, MISSING), after.get(name, MISSING), (*path, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, (*path, number))
    elif before is not after and before != after:
        yield Change(path, before, after)


def lookup(found: Any, path: Iterable[str | int]) -> Any:
    """Return a field of an object; MISSING when it is not there."""
    for each in path:
        if isinstance(found, Mapping):
            found = found.get(each, MISSING)
        elif isinstance(found, list) and isinstance(each, int) and each < len(found):
            found = found[each]
        else:
            return MISSING
    return found


def operations(changes: Iterable[Change]) -> list[Operation]:
    """Return the JSON Patch (RFC 6902) that makes the changes where each field still says what it said before."""
    return [operation for each in changes for operation in _operation(each)]


def _operation(change: Change) -> list[Operation]:
    at = _pointer(change.path)
    if change.before is MISSING:
        return [{"op": "add", "path": at, "value": change.after}]
    still = {"op": "test", "path": at, "value": change.before}
    if change.after is MISSING:
        return [still, {"op": "remove", "path": at}]
    return [still, {"op": "replace", "path": at, "value": change.after}]


def reversal(now: Mapping[str, Any], changes: Iterable[Change]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Return which changes take an object back to what it was, and which of ours somebody has overwritten since.

    What already says what it said before needs none.
    """
    back: list[Change] = []
    overwritten: list[Change] = []
    for change in changes:
        value = lookup(now, change.path)
        if value is change.before or value == change.before:
            continue
        if value == change.after:
            back.append(Change(change.path, value, change.before))
        elif change.before is MISSING and isinstance(change.after, Mapping) and isinstance(value, Mapping):
            # We made the map, and others have put something beside our entries.
            parts = [Change((*change.path, name), MISSING, mine) for name, mine in change.after.items()]
            more, theirs = reversal(now, parts)
            back += more
            overwritten += theirs
        else:
            overwritten.append(Change(change.path, value, change.before))
    return tuple(back), tuple(overwritten)


def _pointer(path: Path) -> str:
    return "".join("/" + str(each).replace("~", "~0").replace("/", "~1") for each in path)


def _shown(value: Any, is_secret: bool) -> str:
    """Return a value for people, and for Events and marks, where secrets must not be: of lists and maps the names."""
    if value is MISSING:
        return "(not set)"
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(str, value))}}}"
    if isinstance(value, list):
        names = [str(each.get("name", "…")) if isinstance(each, Mapping) else "…" for each in value]
        return f"[{', '.join(names)}]"
    text = MASK if is_secret else redact_text(str(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST - 1]}…"
