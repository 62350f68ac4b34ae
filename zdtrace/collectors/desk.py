"""The one place where what the readers heard is parsed, masked and written: one thread for all.

A burst waits in memory then, and not in a socket whose arrival nobody has noted.
"""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from zdtrace.collectors.api import ApiFailure
from zdtrace.collectors.history import Version
from zdtrace.collectors.resources import Resource
from zdtrace.recording.journal import Journal
from zdtrace.recording.redaction import DEFAULT, Policy, TooDeep
from zdtrace.recording.versions import Masker
from zdtrace.recording.versions import Version as Seen

_WAITING = 4_000
_EVENT = re.compile(rb'\{"type":"([A-Z]+)","object":(?=\{)')
"""How API servers begin a line of a watch."""
_KEEPS_NOTHING = frozenset({"Event", "Lease"})
"""Kinds that vanish by themselves: that one is gone says nothing, so its last version need not be kept."""


class Scope(Protocol):
    """Which objects belong to the recording. `looks_again`: also at a pod's spec and status that did not change."""

    looks_again: bool

    def wants(self, event_type: str, found: dict[str, Any]) -> bool:
        """Tell whether an object belongs, and learn from it what else does."""


@dataclass(slots=True)
class Collection:
    """What is known of a resource: how far it was read, and the last version of each object."""

    resource: Resource
    resource_version: str | None = None
    is_listed: bool = False
    known: dict[str, tuple[str, str]] = field(default_factory=dict)
    error: ApiFailure | None = None


@dataclass(slots=True)
class Listed:
    """What a list showed so far: the uids, and of a later list the objects that differ from before."""

    present: set[str] = field(default_factory=set)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    resource_version: str | None = None
    goes_on_at: str | None = None


class Desk:
    """The one thread that parses what readers hand in.

    `unreadable` counts lines and objects that could not be read; `failures` are errors of ours.
    """

    def __init__(self, journal: Journal, scope: Scope, policy: Policy = DEFAULT) -> None:
        self.journal = journal
        self.scope = scope
        self.masker = Masker(policy)
        self.unreadable = 0
        self.failures: list[str] = []
        self._inbox: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)
        self._thread.start()

    def hand_in(self, work: Callable[[], None]) -> None:
        """Queue work; waits when too much is waiting."""
        self._inbox.put(work)

    def finish(self, work: Callable[[], None]) -> None:
        """Queue work and wait until it and all before it are done."""
        done = threading.Event()
        self._inbox.put(work)
        self._inbox.put(done.set)
        done.wait()

    def close(self) -> None:
        """Do what is waiting, then stop."""
        self._inbox.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (work := self._inbox.get()) is not None:
            try:
                work()
            except Exception as error:
                # Whatever an object made of us: the others go on, and the end of the run says it.
                self.failures.append(f"{type(error).__name__}: {error}")

    def take(self, collection: Collection, seen_at_ns: int, event_type: str, seen: Seen) -> None:
        """Write one version of an object, unless it is known or does not belong."""
        found = seen.found
        metadata = found.get("metadata") or {}
        uid, version = str(metadata.get("uid")), str(metadata.get("resourceVersion"))
        if collection.known.get(uid, ("", ""))[0] == version and event_type != "DELETED":
            return
        if not self.scope.wants(event_type, found):
            return
        try:
            text = self.masker.text(seen)
        except (TooDeep, RecursionError, ValueError):
            self.unreadable += 1
            return
        self.journal.saw(seen_at_ns, event_type, text)
        if event_type == "DELETED":
            collection.known.pop(uid, None)
        else:
            collection.known[uid] = (version, "" if found.get("kind") in _KEEPS_NOTHING else text)

    def take_page(self, collection: Collection, seen_at_ns: int, data: bytes, listed: Listed) -> None:
        """Write a page of the first list; of a later one, keep what differs for `take_versions`."""
        resource = collection.resource
        if not collection.is_listed:
            metadata, items = self.masker.read_list(data, resource.kind, resource.api_version)
            for item in items:
                self.take(collection, seen_at_ns, "LISTED", item)
        else:
            page = json.loads(data)
            metadata = page.get("metadata") or {}
            for found in map(resource.whole, page.get("items") or ()):
                about = found.get("metadata") or {}
                uid = str(about.get("uid"))
                listed.present.add(uid)
                is_new = collection.known.get(uid, ("", ""))[0] != str(about.get("resourceVersion"))
                if is_new and self.scope.wants("MODIFIED", found):
                    listed.changed[uid] = found
        listed.resource_version = metadata.get("resourceVersion")
        listed.goes_on_at = str(metadata.get("continue") or "")

    def take_versions(self, collection: Collection, seen_at_ns: int, versions: Iterable[Version]) -> None:
        """Write what happened while nobody listened: all seen now, a nanosecond apart to keep its order."""
        for later_ns, version in enumerate(versions):
            if version.found is not None:
                changed = "MODIFIED" if version.uid in collection.known else "ADDED"
                self.take(collection, seen_at_ns + later_ns, changed, Seen(version.found))
                continue
            _, text = collection.known.pop(version.uid, ("", ""))
            if text:
                self.journal.saw(seen_at_ns + later_ns, "DELETED", text)

    def take_lines(self, collection: Collection, seen_at_ns: int, lines: list[bytes]) -> None:
        """Write watch events that arrived together."""
        for line in lines:
            try:
                event_type, seen = self._opened(line)
                found = seen.found
                if event_type == "ERROR":
                    status = found.get("code")
                    words = f"{status} {str(found.get('message'))[:300]}"
                    collection.error = ApiFailure(status if isinstance(status, int) else 0, words)
                    return
                collection.resource_version = found["metadata"]["resourceVersion"]
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self.unreadable += 1
                continue
            if event_type != "BOOKMARK":
                self.take(collection, seen_at_ns, event_type, seen)

    def _opened(self, line: bytes) -> tuple[str, Seen]:
        """Return type and object of an event. Raises ValueError, KeyError, TypeError or RecursionError."""
        if (begin := _EVENT.match(line)) and line.endswith(b"}"):
            is_whole = self.scope.looks_again
            return begin[1].decode(), self.masker.read(line[begin.end() : -1], is_whole=is_whole)
        event = json.loads(line)
        return event["type"], Seen(event["object"])
