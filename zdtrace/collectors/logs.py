"""The logs of ingress controllers, followed through the API, from container to container.

An API server sends a log only from a whole second on, so what was read already is passed over: lines are known by
the time that the container runtime wrote before each, and by how many of that time there were.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from zdtrace.collectors.api import Answer, Api, ApiFailure
from zdtrace.recording.journal import Journal
from zdtrace.recording.redaction import redact_text

_IDLE_S = 4 * 3600.0
_RETRY_S = 0.5
_LONGEST = 1 << 20
_CONTROLLERS = (
    ("ingress-nginx-controller", re.compile(r"ingress-nginx/controller|/nginx-ingress-controller")),
    ("nginx-kic", re.compile(r"(?:^|/)nginx(?:-plus)?-ingress")),
)
_OF_CONTROLLER = re.compile(
    r'[IWEF]\d{4} |time=\d|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[|\{"(?:time|level|ts)":(?=.*"msg":)'
)
"""How klog, slog and nginx' error log begin."""
_OF_ACCESS = re.compile(r'\{|.*(?:"[A-Z]{3,10} [^" ]+ HTTP/|\[\d\d/[A-Z][a-z]{2}/\d{4}:)')
"""What else tells of a request. The rest is what controllers print in between, whole configuration files too."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod, in one of its lives."""

    namespace: str
    pod: str
    name: str
    image: str
    restarts: int

    @property
    def controller(self) -> str:
        """Which controller writes its log, as importers name it; empty when its image does not tell."""
        return next((name for name, image in _CONTROLLERS if image.search(self.image)), "")

    @property
    def subject(self) -> str:
        """What gaps call it."""
        return f"log of {self.namespace}/{self.pod} {self.name}"


def containers(pod: dict[str, Any]) -> list[Container]:
    """Return the containers of a pod that run, or ran and still have a log."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    images = {each.get("name"): each.get("image") for each in (pod.get("spec") or {}).get("containers") or ()}
    return [
        Container(
            str(metadata.get("namespace")), str(metadata.get("name")), str(each.get("name")),
            str(images.get(each.get("name")) or ""), int(each.get("restartCount") or 0),
        )
        for each in status.get("containerStatuses") or ()
        if "waiting" not in (each.get("state") or {})
    ]


class Follower(threading.Thread):
    """Follows the log of one container, through its restarts, until it or its pod is gone or we are told to stop."""

    def __init__(
        self, api: Api, journal: Journal, container: Container, since_ns: int, *, warn: Callable[[str], None]
    ) -> None:
        super().__init__(name=container.subject, daemon=True)
        self.container = container
        self.lines = 0
        self._api = api
        self._journal = journal
        self._warn = warn
        self._stopping = threading.Event()
        self._ending = threading.Event()
        self._answer: Answer | None = None
        self._since_ns = since_ns
        self._last_stamp = ""
        self._last_count = 0
        self._lost: tuple[int, str] | None = None
        self._has_warned = False
        self._restarts_read = container.restarts
        self._restarts_seen = container.restarts
        home = f"{container.namespace}.{container.pod}.{container.name}"
        self._files = {
            True: f"proxy.{home}.controller.log" if container.controller else f"proxy.{home}.log",
            False: f"proxy.{home}.access.log" if container.controller else f"proxy.{home}.log",
        }

    @property
    def formats(self) -> dict[str, str]:
        """Return which importer knows which of its files, as far as that is known beforehand."""
        controller = self.container.controller
        return {self._files[True]: controller} if controller else {}

    def restarted(self, restarts: int) -> None:
        """Say that the container runs again."""
        self._restarts_seen = max(self._restarts_seen, restarts)

    def gone(self) -> None:
        """Say that the pod is gone: what is left of its log is read, and no more is asked for."""
        self._ending.set()

    def stop(self) -> None:
        """End the following."""
        self._stopping.set()
        if (answer := self._answer) is not None:
            answer.shut()

    def run(self) -> None:
        """Follow, and follow again where it broke off."""
        while not self._stopping.is_set():
            try:
                if self._restarts_seen > self._restarts_read:
                    # What the container before wrote last, if our reading had not come to its end.
                    self._read({"previous": "true"})
                    self._restarts_read = self._restarts_seen
                self._read({"follow": "true"})
                if self._stopping.is_set():
                    break
                self._lose("the log ended")
            except ApiFailure as failure:
                if self._stopping.is_set():
                    break
                self._lose(f"right missing: {failure.words}" if failure.is_refusal else failure.words)
                self._warn_once(failure)
                if failure.is_refusal:
                    break
                if failure.status == 400 and self._restarts_seen > self._restarts_read:
                    self._restarts_read = self._restarts_seen  # the runtime has removed the log before
            if self._ending.is_set():
                self._lost = None  # a pod that is gone writes nothing that could be missed
                break
            self._stopping.wait(_RETRY_S)
        if self._lost is not None:
            self._journal.gap(self.container.subject, self._lost[1], self._lost[0], None)
        self._journal.listens(self.container.subject, is_so=False)

    def _warn_once(self, failure: ApiFailure) -> None:
        if not self._has_warned and not self._last_stamp:
            self._has_warned = True
            self._warn(f"{self.container.subject} cannot be read: {failure.words}")

    def _lose(self, reason: str) -> None:
        if self._lost is None:
            self._lost = (time.time_ns(), reason)
        self._journal.listens(self.container.subject, is_so=False)

    def _read(self, how: dict[str, str | int]) -> None:
        container = self.container
        since = datetime.fromtimestamp(self._since_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"container": container.name, "timestamps": "true", "sinceTime": since, **how}
        answer = self._api.open(
            f"/api/v1/namespaces/{container.namespace}/pods/{container.pod}/log", query, idle_s=_IDLE_S
        )
        self._answer = answer
        if "follow" in how:
            self._resumed_at_ns = time.time_ns()
            self._journal.listens(container.subject)
        passing = (self._last_stamp, self._last_count)
        rest = b""
        try:
            for data in answer.chunks():
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    passing = self._take(line.decode("utf-8", "replace"), passing)
                if len(rest) > _LONGEST:
                    rest = b""  # no log that we know has such lines
        finally:
            self._answer = None
            answer.close()
            self._find_again(is_healed=False)

    def _find_again(self, *, is_healed: bool) -> None:
        """Note the gap before this answer; it is healed where the log begins with what was read before."""
        if self._lost is not None and self._resumed_at_ns:
            from_ns, reason = self._lost
            self._journal.gap(self.container.subject, reason, from_ns, self._resumed_at_ns, is_healed=is_healed)
            self._lost = None
        self._resumed_at_ns = 0

    def _take(self, line: str, passing: tuple[str, int]) -> tuple[str, int]:
        """Write a line unless it was read before; returns what is still to be passed over."""
        stamp, _, text = line.partition(" ")
        if not stamp:
            return passing
        until, count = passing
        is_known = stamp < until or (stamp == until and count > 0)
        self._find_again(is_healed=is_known)
        if is_known:
            return (until, count - 1) if stamp == until else passing
        self._last_count = self._last_count + 1 if stamp == self._last_stamp else 1
        self._last_stamp = stamp
        self._since_ns = max(self._since_ns, _instant_ns(stamp))
        self.lines += 1
        self._journal.append(self._files[is_of_controller(text)], f"{stamp} {redact_text(text)}")
        return passing


def is_of_controller(text: str) -> bool:
    """Tell whether a line in an nginx controller's log is the controller's own, or nginx' error log's."""
    return bool(_OF_CONTROLLER.match(text)) or not _OF_ACCESS.match(text)


def _instant_ns(stamp: str) -> int:
    try:
        return int(datetime.fromisoformat(stamp[:19] + "+00:00").timestamp()) * 10**9
    except ValueError:
        return 0
