"""What was written while nobody listened, read from the API server's history.

An API server that starts answers 410 to whoever wants to go on from before its start: its watch cache begins empty.
etcd still has every version of the last minutes, and a list with `resourceVersionMatch=Exact` shows an object as it
was. Only what was compacted is lost. An object that was made and went within that time is not found: nothing but an
Event names it (checks.came_and_went_unheard).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zdtrace.collectors.api import Api, ApiFailure
from zdtrace.collectors.resources import Resource

Found = dict[str, Any]
# A busy cluster may have written thousands of versions; the watch cache keeps its own for longer than this (75 s).
_PATIENCE_S = 20.0
_GONE = 410
# "too old resource version: 346 (355)": from 355 on this server can tell (watch_cache_history.go of the API server).
_EARLIEST = re.compile(r"too old resource version: \d+ \((\d+)\)")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object. `found` is null when it was deleted at this version."""

    number: int
    uid: str
    found: Found | None


def earliest(words: str) -> str | None:
    """Return the earliest version from which a watch can go on, where a 410 names it."""
    named = _EARLIEST.search(words)
    return named[1] if named else None


class History:
    """The versions of a resource's objects after `since` and up to `until`.

    `words` tells, after `versions`, how complete they are.
    """

    def __init__(
        self, api: Api, resource: Resource, namespace: str | None, selectors: Mapping[str, str], *,
        since: str, until: str, is_over: Callable[[], bool],
    ) -> None:
        self._api = api
        self._resource = resource
        self._namespace = namespace
        self._selectors = selectors
        self._since, self._until = int(since), int(until)
        self._is_over = is_over
        self._deadline = time.monotonic() + _PATIENCE_S
        self._read = 0
        self._compacted: set[str] = set()
        self._given_up: set[str] = set()

    def versions(self, changed: Mapping[str, Found], absent: Mapping[str, str]) -> list[Version]:
        """Return what happened, in its order.

        `changed` holds the newest version of what differs from before, by uid; `absent` the last known one, as JSON, of
        what is not there any more. Raises ApiFailure when the API server does not answer.
        """
        found: list[Version] = []
        for uid, newest in changed.items():
            found += [Version(number(newest), uid, newest), *self._before(uid, newest)]
        for uid, text in absent.items():
            found += self._end(uid, json.loads(text))
        return sorted(found, key=lambda each: each.number)

    @property
    def is_whole(self) -> bool:
        """Whether all was still there to be read."""
        return not (self._compacted or self._given_up)

    @property
    def words(self) -> str:
        """Say what was read and what is missing; empty when the list alone told all."""
        words = [f"{self._read} older versions were read from its history"] if self._read else []
        if self._compacted:
            words.append(f"of {len(self._compacted)} objects some may be lost: etcd was compacted")
        if self._given_up:
            words.append(f"those of {len(self._given_up)} objects were not asked for after {_PATIENCE_S:.0f} s")
        return "; ".join(words)

    def _before(self, uid: str, later: Found) -> Iterator[Version]:
        """Yield the versions before one, back to what was known."""
        at = number(later) - 1
        while at > self._since:
            try:
                earlier = self._as_it_was(uid, later, at)
            except _Unknown:
                return
            if earlier is None or number(earlier) <= self._since:
                return
            self._read += 1
            yield Version(number(earlier), uid, earlier)
            at = number(earlier) - 1

    def _end(self, uid: str, known: Found) -> Iterator[Version]:
        """Yield the deletion, found by halving the time in which it happened, and the versions before it."""
        there, gone, last = self._since, self._until, None
        while gone - there > 1:
            middle = (there + gone) // 2
            try:
                found = self._as_it_was(uid, known, middle)
            except _Unknown:
                there = middle
                continue
            if found is None:
                gone = middle
            else:
                there, last = middle, found
        if last is not None and number(last) > self._since:
            self._read += 1
            yield Version(number(last), uid, last)
            yield from self._before(uid, last)
        yield Version(gone, uid, None)

    def _as_it_was(self, uid: str, like: Found, version: int) -> Found | None:
        """Return an object at a version; null when it was not there. Raises _Unknown."""
        if time.monotonic() > self._deadline or self._is_over():
            self._given_up.add(uid)
            raise _Unknown
        metadata = like["metadata"]
        query: dict[str, str | int] = {
            **self._selectors, "fieldSelector": f"metadata.name={metadata['name']}",
            "resourceVersion": version, "resourceVersionMatch": "Exact",
        }
        try:
            page = self._api.get(self._resource.path(metadata.get("namespace") or self._namespace), query)
        except ApiFailure as failure:
            if failure.status == _GONE:
                self._compacted.add(uid)
                raise _Unknown from failure
            raise
        every = [self._resource.whole(item) for item in page.get("items") or ()]
        return next((each for each in every if each["metadata"].get("uid") == uid), None)


class _Unknown(Exception):
    """The version is not kept any more, or not asked for."""


def number(found: Found) -> int:
    """Return the version of an object. Raises ValueError, KeyError or TypeError when it is none of Kubernetes'."""
    return int(found["metadata"]["resourceVersion"])
