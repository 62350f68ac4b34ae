"""Listening to one resource without loss: list, watch, resume; when the API server forgot where we were, list again and
ask its history for what lies between.

A reader a source takes the time when bytes arrive and hands them on; one thread for all parses, redacts and
writes them, so that a burst waits in memory and not in a socket whose arrival nobody has noted.
"""

from __future__ import annotations

import contextlib
import json
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from zdtrace.collectors.api import Answer, Api, ApiFailure
from zdtrace.collectors.history import History, Version, earliest
from zdtrace.collectors.resources import Resource
from zdtrace.recording.journal import Journal
from zdtrace.recording.redaction import DEFAULT, Policy, TooDeep
from zdtrace.recording.versions import Masker
from zdtrace.recording.versions import Version as Seen

_PAGE = 500
_WATCH_S = 6 * 3600
# API servers send a bookmark about once a minute: a watch that is silent for longer is a dead one.
_IDLE_S = 180.0
_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_WAITING = 4_000
_GONE = 410
_NOT_SERVED = (404, 405)
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


class Watcher(threading.Thread):
    """Listens to one resource until it is told to stop.

    `ready` is set when it listens for the first time, or never will. `state` is `waiting`, `listening`, `lost`,
    `refused` or `not served`.
    """

    def __init__(
        self, api: Api, desk: Desk, resource: Resource, namespace: str | None, *,
        selectors: dict[str, str] | None = None, subject: str | None = None, warn: Callable[[str], None],
    ) -> None:
        super().__init__(name=resource.name, daemon=True)
        self.subject = subject or resource.name
        self.ready = threading.Event()
        self.state = "waiting"
        self._api = api
        self._desk = desk
        self._resource = resource
        self._namespace = namespace
        self._selectors = selectors or {}
        self._warn = warn
        self._collection = Collection(resource)
        self._stopping = threading.Event()
        self._answer: Answer | None = None
        self._heard_at_ns = time.time_ns()
        self._lost: tuple[int, str] | None = None
        self._since: str | None = None
        self._earliest: str | None = None

    @property
    def resource_version(self) -> str | None:
        """How far it has heard; null when it must list again."""
        return self._collection.resource_version

    def stop(self) -> None:
        """End the listening; `join` waits for it."""
        self._stopping.set()
        if (answer := self._answer) is not None:
            answer.shut()

    def run(self) -> None:
        """List, watch, and begin again until told to stop."""
        tries = 0
        while not self._stopping.is_set():
            was_listening_since = self._heard_at_ns
            try:
                if self._collection.resource_version is None:
                    self._list()
                self._watch()
                reason = "the API server ended the watch"
                tries = 0
            except ApiFailure as failure:
                if self._stopping.is_set():
                    break
                if not self._goes_on_after(failure):
                    break
                tries = 0 if self.state == "listening" and self._heard_at_ns > was_listening_since else tries + 1
                reason = failure.words
                wait_s = failure.retry_after_s or _BACKOFF_S[min(tries, len(_BACKOFF_S) - 1)]
                self._lose(reason)
                self._stopping.wait(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, no secret
                continue
            self._lose(reason)
        self._leave()

    def _list(self) -> None:
        collection = self._collection
        listed = Listed()
        query: dict[str, str | int] = {"limit": _PAGE, **self._selectors}
        place = {"resourceVersion": self._earliest, "resourceVersionMatch": "Exact"} if self._earliest else {}
        while listed.goes_on_at != "":
            if listed.goes_on_at is not None:
                place = {"continue": listed.goes_on_at}
            answer = self._api.open(self._resource.path(self._namespace), {**query, **place})
            try:
                data = b"".join(answer.chunks())
            finally:
                answer.close()
            seen_at_ns = self._heard_at_ns = time.time_ns()
            listed.goes_on_at = None

            def take(data: bytes = data, seen_at_ns: int = seen_at_ns) -> None:
                with contextlib.suppress(ValueError, AttributeError, TypeError):
                    self._desk.take_page(collection, seen_at_ns, data, listed)

            self._desk.finish(take)
            if listed.goes_on_at is None:
                raise ApiFailure(0, "the list was no JSON, or broke off")
        if collection.is_listed:
            versions = self._versions_since(listed)
            now_ns = self._heard_at_ns = time.time_ns()
            self._desk.finish(lambda: self._desk.take_versions(collection, now_ns, versions))
        collection.is_listed = True
        collection.resource_version = listed.resource_version
        self._since = self._earliest = None

    def _versions_since(self, listed: Listed) -> list[Version]:
        """Return what happened to objects since the watch was heard last, as far as the API server still knows."""
        known = self._collection.known
        absent = {uid: known[uid][1] for uid in known.keys() - listed.present}
        for uid in [uid for uid, text in absent.items() if not text]:
            known.pop(uid)
            absent.pop(uid)
        try:
            history = History(
                self._api, self._resource, self._namespace, self._selectors, since=self._since or "",
                until=listed.resource_version or "", is_over=self._stopping.is_set,
            )
            versions = history.versions(listed.changed, absent)
        except (ValueError, KeyError, TypeError):
            # No numbers: then the difference is all there is to tell.
            changed = [Version(0, uid, found) for uid, found in listed.changed.items()]
            return [*changed, *(Version(0, uid, None) for uid in absent)]
        if self._lost is not None and history.words:
            self._lost = (self._lost[0], f"{self._lost[1]}; {history.words}")
        return versions

    def _watch(self) -> None:
        """Read one watch to its end. Raises ApiFailure when it breaks off, or the server says so."""
        query: dict[str, str | int] = {
            "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": _WATCH_S,
            "resourceVersion": self._collection.resource_version or "", **self._selectors,
        }
        answer = self._api.open(self._resource.path(self._namespace), query, idle_s=_IDLE_S)
        self._answer = answer
        self._listen()
        rest = b""
        try:
            for data in answer.chunks():
                self._heard_at_ns = now_ns = time.time_ns()
                *lines, rest = (rest + data).split(b"\n")
                if lines:
                    self._desk.hand_in(
                        lambda lines=lines, now_ns=now_ns: self._desk.take_lines(  # type: ignore[misc]
                            self._collection, now_ns, [line for line in lines if line.strip()]
                        )
                    )
                if self._stopping.is_set():
                    break
        finally:
            self._answer = None
            answer.close()
            # What was handed in says where to go on.
            self._desk.finish(lambda: None)
        if (error := self._collection.error) is not None:
            self._collection.error = None
            raise error

    def _listen(self) -> None:
        now_ns = time.time_ns()
        if self._lost is not None:
            from_ns, reason = self._lost
            self._desk.journal.gap(self.subject, reason, from_ns, now_ns)
            self._lost = None
        self._heard_at_ns = now_ns
        self.state = "listening"
        self._desk.journal.listens(self.subject)
        self.ready.set()

    def _lose(self, reason: str) -> None:
        """Note since when nothing is heard: the end of a stream is heard, a silence began with the last bytes."""
        if self._lost is None and self.state == "listening":
            self._lost = (self._heard_at_ns if "timed out" in reason else time.time_ns(), reason)
            self.state = "lost"
            self._desk.journal.listens(self.subject, is_so=False)

    def _goes_on_after(self, failure: ApiFailure) -> bool:
        """Decide what a failure means for the next try; False when there is none."""
        if failure.status == _GONE:
            # A list that comes too late for its pages is begun anew; what was heard last stays the same.
            self._since = self._collection.resource_version or self._since
            self._earliest = earliest(failure.words)
            self._collection.resource_version = None
            return True
        is_refusal = failure.is_refusal
        is_missing = failure.status in _NOT_SERVED or (is_refusal and not self._is_installed())
        if not (is_missing or is_refusal):
            return True
        if self._resource.fallback is not None and not self._collection.is_listed:
            self._resource = self._resource.fallback
            self._collection = Collection(self._resource)
            return True
        self._lose(failure.words)
        self.state = "not served" if is_missing else "refused"
        if not is_missing:
            self._warn(f"{self.subject} will be missing: {failure.words}")
            if self._lost is None:
                self._lost = (self._heard_at_ns, f"right missing: {failure.words}")
        return False

    def _is_installed(self) -> bool:
        """Tell whether there is such an API: who may not read it is refused before that is looked at."""
        if not self._resource.is_optional:
            return True
        try:
            self._api.get(f"/apis/{self._resource.group}")
        except ApiFailure as failure:
            return failure.status not in _NOT_SERVED
        return True

    def _leave(self) -> None:
        if self.state == "waiting":
            self._lost = (self._heard_at_ns, "it never answered")
        if self._lost is not None:
            self._desk.journal.gap(self.subject, self._lost[1], self._lost[0], None)
        self._desk.journal.listens(self.subject, is_so=False)
        self.ready.set()
