"""Listening to one resource without loss: list, watch, resume; when the API server forgot where we were, list again and
ask its history for what lies between.

A reader a source takes the time when bytes arrive and hands them on to the desk.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable

from zdtrace.collectors.api import Answer, Api, ApiFailure
from zdtrace.collectors.desk import Collection, Desk, Listed
from zdtrace.collectors.history import History, Version, earliest
from zdtrace.collectors.resources import Resource

_PAGE = 500
_WATCH_S = 6 * 3600
# API servers send a bookmark about once a minute: a watch that is silent for longer is a dead one.
_IDLE_S = 180.0
_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_GONE = 410
_NOT_SERVED = (404, 405)


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
        # Whether what is lost was, or will be, told afterwards; and of the watch that began last, where and since when.
        self._is_healed = True
        self._resumed: tuple[str | None, int] | None = None
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
            self._is_healed = False
            return [*changed, *(Version(0, uid, None) for uid in absent)]
        self._is_healed = self._is_healed and history.is_whole
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
            self._desk.journal.gap(self.subject, reason, from_ns, now_ns, is_healed=self._is_healed)
            self._resumed = (self._collection.resource_version, from_ns)
            self._lost = None
        self._is_healed = True
        self._heard_at_ns = now_ns
        self.state = "listening"
        self._desk.journal.listens(self.subject)
        self.ready.set()

    def _lose(self, reason: str, *, since_ns: int | None = None) -> None:
        """Note since when nothing is heard: the end of a stream is heard, a silence began with the last bytes."""
        if self._lost is None and self.state == "listening":
            self._lost = (since_ns or (self._heard_at_ns if "timed out" in reason else time.time_ns()), reason)
            self.state = "lost"
            self._desk.journal.listens(self.subject, is_so=False)

    def _goes_on_after(self, failure: ApiFailure) -> bool:
        """Decide what a failure means for the next try; False when there is none."""
        if failure.status == _GONE:
            if self._resumed is not None and self._resumed[0] == self._collection.resource_version:
                # The watch seemed to go on, and was told then that it cannot: it is deaf since it first broke off.
                self._lose(failure.words, since_ns=self._resumed[1])
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
