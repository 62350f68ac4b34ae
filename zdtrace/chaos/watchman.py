"""Who ends an experiment: a burnt budget, too few ready pods, a lost API server or lease, a signal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from zdtrace.chaos.cluster import Ref
from zdtrace.chaos.experiment import Abort
from zdtrace.chaos.lease import Lease
from zdtrace.chaos.live import LiveRequests, Window
from zdtrace.chaos.workloads import Workload
from zdtrace.collectors.api import Api, ApiFailure
from zdtrace.errors import ZdtraceError

_LOOK_EVERY_S = 0.1
_ASK_EVERY_S = 0.25
_JOIN_S = 5.0


class Stopped(ZdtraceError):
    """The experiment is to stop, and why."""


class Brake:
    """Pulled once, with a reason; everything that acts looks at it first."""

    def __init__(self) -> None:
        self._pulled = threading.Event()
        self._lock = threading.Lock()
        self.reason = ""
        self.pulled_at_ns = 0

    def pull(self, reason: str) -> None:
        """Let everything stop; the first reason stays."""
        with self._lock:
            if not self._pulled.is_set():
                self.reason, self.pulled_at_ns = reason, time.time_ns()
                self._pulled.set()

    @property
    def is_pulled(self) -> bool:
        """Whether everything is to stop."""
        return self._pulled.is_set()

    def check(self) -> None:
        """Raise Stopped when it is pulled."""
        if self._pulled.is_set():
            raise Stopped(self.reason)

    def wait(self, seconds: float) -> None:
        """Sleep, or raise Stopped as soon as it is pulled."""
        self._pulled.wait(seconds)
        self.check()


class Watchman:
    """Looks at everything that may end the experiment, from `start` to `stop`.

    `told` tells of a signal, `lost` of a recording that cannot be written any more: a reason, or null.
    """

    def __init__(
        self, brake: Brake, abort: Abort, *, api: Api, target: Ref, lease: Lease, requests: LiveRequests,
        told: Callable[[], str | None],
    ) -> None:
        self._brake = brake
        self._abort = abort
        self._api = api
        self._target = target
        self._lease = lease
        self._requests = requests
        self._told = told
        self._lock = threading.Lock()
        self._answered_at = time.monotonic()
        self._over = threading.Event()
        self._counts_from_ns = time.time_ns()
        self._threads = [
            threading.Thread(target=self._look, name="watchman", daemon=True),
            threading.Thread(target=self._ask, name="watchman api", daemon=True),
        ]

    def start(self) -> None:
        """Begin to watch; requests count from now on."""
        self._counts_from_ns = time.time_ns()
        self._answered_at = time.monotonic()
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        for each in self._threads:
            each.join(_JOIN_S)
        with self._lock:
            self._requests.close()

    def window(self, span_s: float) -> Window:
        """Return the requests of the last seconds."""
        with self._lock:
            now_ns = time.time_ns()
            self._requests.read(now_ns)
            return self._requests.window(now_ns, span_s)

    def _look(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            reason = self._told() or self._of_api() or self._of_requests()
            if reason:
                self._brake.pull(reason)
                return

    def _of_api(self) -> str | None:
        silent_s = time.monotonic() - self._answered_at
        if silent_s <= self._abort.api_lost_s:
            return None
        return f"the API server has not answered for {silent_s:.1f} s"

    def _of_requests(self) -> str | None:
        abort = self._abort
        span_s = min(abort.over_s, (time.time_ns() - self._counts_from_ns) / 1e9)
        window = self.window(span_s)
        if abort.failed_requests is not None and window.failed >= abort.failed_requests:
            return f"{window.failed} requests failed within {abort.over_s:g} s; {abort.failed_requests} are the limit"
        # A share of a handful says nothing yet.
        is_enough = window.total >= 20
        if abort.failed_ratio is not None and is_enough and window.failed_ratio > abort.failed_ratio:
            return (
                f"{window.failed} of {window.total} requests failed within {abort.over_s:g} s: "
                f"{window.failed_ratio:.1%}, and {abort.failed_ratio:.1%} are the limit"
            )
        p99_ms = window.quantile_ms(0.99)
        if abort.p99_ms is not None and is_enough and p99_ms > abort.p99_ms:
            return f"p99 of latency is {p99_ms:.0f} ms, and {abort.p99_ms:.0f} ms are the limit"
        return None

    def _ask(self) -> None:
        while not self._over.wait(_ASK_EVERY_S):
            try:
                reason = self._asked()
                self._answered_at = time.monotonic()
            except ApiFailure:
                continue  # how long that may last, `_of_api` decides
            if reason:
                self._brake.pull(reason)
                return

    def _asked(self) -> str | None:
        found = self._api.get(self._target.path)
        if (found.get("metadata") or {}).get("uid") != self._target.uid:
            return f"{self._target.words} was deleted and made anew by somebody else"
        least = self._abort.ready_replicas
        workload = Workload(self._target, found)
        if least is not None and workload.ready < least:
            return f"{workload.ready} pods are ready, and {least} are the limit"
        if self._lease.is_lost() or (self._lease.is_due and not self._lease.renew()):
            return f"the lease {self._lease.name} was taken by somebody else"
        return None
