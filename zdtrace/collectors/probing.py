"""A load test of our own: requests at fixed times, whatever becomes of those before them (open loop).

A client that waits for an answer before it asks again sends least while most is lost, and its latencies hide that
(coordinated omission). Here each request has its time, which is written down beside the time at which it was really
sent; latencies count from the former. Nothing is retried, so that each failure is seen; and requests on connections
of their own and on connections that are used again take turns, because they fail for different reasons.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import secrets
import select
import socket
import ssl
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any
from urllib.parse import SplitResult, urlsplit

from zdtrace.errors import UsageError
from zdtrace.recording.redaction import redact_text

NEW, REUSED = "new", "reused"
MOST_A_SECOND = 5_000.0
_SECOND_NS = 1_000_000_000
_READ_BYTES = 1 << 16
_PODS = ("X-Pod", "X-Pod-Name", "X-Served-By", "X-Hostname", "X-Backend-Server")
"""Headers by which demos and middlewares name the pod that answered."""
_WORDS = {
    errno.ECONNREFUSED: "connection refused", errno.ECONNRESET: "connection reset by peer", errno.EPIPE: "broken pipe",
    errno.EHOSTUNREACH: "no route to host", errno.ENETUNREACH: "network is unreachable",
    errno.EADDRNOTAVAIL: "cannot assign requested address", errno.EMFILE: "too many open files",
    errno.ETIMEDOUT: "connect timeout",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for, and how. `address` is connected to in place of the URL's host, which stays its name."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = 10.0
    address: str | None = None
    id_header: str = "X-Request-ID"
    is_verified: bool = True
    is_canary: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no URL that can be asked for. Raises UsageError."""
        parts = self._parts
        with contextlib.suppress(ValueError):
            is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            if is_http and parts.username is None and all(33 <= ord(each) < 127 for each in self.url):
                return
        raise UsageError(
            f"`{redact_text(self.url)}` cannot be probed", hint="write it as http://HOST[:PORT]/PATH, percent-encoded"
        )

    @property
    def _parts(self) -> SplitResult:
        try:
            return urlsplit(self.url)
        except ValueError:
            return SplitResult("", "", "", "", "")

    @property
    def host(self) -> str:
        """The name that certificates are checked against."""
        return str(self._parts.hostname)

    @property
    def host_header(self) -> str:
        """As the URL writes it."""
        return self._parts.netloc

    @property
    def is_https(self) -> bool:
        """Whether to speak TLS."""
        return self._parts.scheme == "https"

    @property
    def endpoint(self) -> tuple[str, int]:
        """What to connect to."""
        return self.address or self.host, self._parts.port or (443 if self.is_https else 80)

    @property
    def path(self) -> str:
        """What to ask that for."""
        parts = self._parts
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request and what became of it. Instants are ns since 1970 UTC by the client's clock."""

    lane: str
    is_canary: bool
    intended_at_ns: int
    started_at_ns: int
    ended_at_ns: int
    request_id: str
    method: str
    url: str
    status: int | None = None
    error: str | None = None
    is_truncated: bool | None = None
    is_reused: bool | None = None
    pod: str | None = None
    connected_at_ns: int | None = None
    first_byte_at_ns: int | None = None

    @property
    def is_failed(self) -> bool:
        """As everywhere: no status, 5xx, 429, or a body that was cut short."""
        return self.status is None or self.status >= 500 or self.status == 429 or bool(self.is_truncated)

    def as_line(self) -> str:
        """Return the line of the log."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({"probe": 1, **values}, separators=(",", ":")) + "\n"


class _Clock:
    """Wall time that cannot jump: it is read once and goes on with the monotonic clock."""

    def __init__(self) -> None:
        self._ahead_ns = time.time_ns() - time.perf_counter_ns()

    def now_ns(self) -> int:
        return time.perf_counter_ns() + self._ahead_ns


class Prober(threading.Thread):
    """Sends `rate` requests a second to a target, on `lanes` in turn, until told to stop or for `for_s`.

    `tell` gets each request when it has ended, from any thread. At most `most_in_flight` wait for an answer; what
    would be one more is told of as not sent.
    """

    def __init__(
        self, target: Target, rate: float, tell: Callable[[Sent], None], *,
        lanes: tuple[str, ...] = (NEW, REUSED), for_s: float | None = None, most_in_flight: int = 1_000,
    ) -> None:
        super().__init__(name=f"probe {target.host}", daemon=True)
        self._target = target
        self._every_ns = round(_SECOND_NS / rate)
        self._tell = tell
        self._lanes = lanes
        self._for_ns = None if for_s is None else round(for_s * _SECOND_NS)
        self._most = most_in_flight
        self._stopping = threading.Event()
        self._clock = _Clock()
        self._run_id = secrets.token_hex(4)
        self._work: SimpleQueue[tuple[int, int, str] | None] = SimpleQueue()
        self._workers: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._waiting = 0
        self._idle: list[http.client.HTTPConnection] = []
        self._tls = _tls(target) if target.is_https else None

    def stop(self) -> None:
        """Send no more; what is on its way is waited for."""
        self._stopping.set()

    def run(self) -> None:
        """Send, then wait for the last answers."""
        began_ns = self._clock.now_ns()
        number = 0
        while self._for_ns is None or number * self._every_ns < self._for_ns:
            due_ns = began_ns + number * self._every_ns
            if self._stopping.wait(max(0, due_ns - self._clock.now_ns()) / _SECOND_NS):
                break
            self._hand_out(number, due_ns, self._lanes[number % len(self._lanes)])
            number += 1
        for _ in self._workers:
            self._work.put(None)
        for each in self._workers:
            each.join()
        for connection in self._idle:
            connection.close()

    def _hand_out(self, number: int, due_ns: int, lane: str) -> None:
        with self._lock:
            is_free = self._waiting < len(self._workers)
            if not is_free and len(self._workers) < self._most:
                worker = threading.Thread(target=self._send_what_comes, name=f"probe {len(self._workers)}", daemon=True)
                self._workers.append(worker)
                worker.start()
                is_free = True
            self._waiting += is_free
        if is_free:
            self._work.put((number, due_ns, lane))
            return
        now_ns = self._clock.now_ns()
        error = f"not sent: {self._most} requests were waiting for their answers"
        self._tell(self._sent(number, due_ns, lane, now_ns, now_ns, error=error))

    def _send_what_comes(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                self._tell(self._send(*work))
            finally:
                with self._lock:
                    self._waiting -= 1

    def _sent(self, number: int, due_ns: int, lane: str, started_ns: int, ended_ns: int, **rest: Any) -> Sent:
        target = self._target
        return Sent(
            lane=lane, is_canary=target.is_canary, request_id=self._id(number),
            intended_at_ns=due_ns, started_at_ns=started_ns, ended_at_ns=ended_ns,
            method=target.method, url=redact_text(target.url), **rest,
        )

    def _id(self, number: int) -> str:
        return f"{self._run_id}-{number}"

    def _send(self, number: int, due_ns: int, lane: str) -> Sent:
        now_ns = self._clock.now_ns
        started_ns = now_ns()
        deadline_ns = started_ns + round(self._target.timeout_s * _SECOND_NS)
        found: dict[str, Any] = {}
        connection: http.client.HTTPConnection | None = None
        is_kept = False
        try:
            connection = self._idle_connection() if lane == REUSED else None
            found["is_reused"] = connection is not None
            if connection is None:
                connection = self._connect(deadline_ns)
                found["connected_at_ns"] = now_ns()
            is_kept = self._exchange(connection, self._id(number), lane, deadline_ns, found)
        except (OSError, http.client.HTTPException, ValueError) as error:
            found["error"] = _words(error, self._target, is_connected=connection is not None)
            if isinstance(error, http.client.IncompleteRead):
                found["is_truncated"] = True
        ended_ns = now_ns()
        if connection is not None:
            if is_kept:
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()
        if found.get("error") and not found.get("is_truncated") and "first_byte_at_ns" in found:
            found["is_truncated"] = True  # the answer had begun, and did not end
        return self._sent(number, due_ns, lane, started_ns, ended_ns, **found)

    def _idle_connection(self) -> http.client.HTTPConnection | None:
        """Return a connection that waits, as far as can be known: one that has something to say was closed."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            ready = select.poll()
            ready.register(connection.sock, select.POLLIN)
            if not ready.poll(0):
                return connection
            connection.close()

    def _connect(self, deadline_ns: int) -> http.client.HTTPConnection:
        target = self._target
        plain = socket.create_connection(target.endpoint, timeout=_left_s(deadline_ns, self._clock))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(_left_s(deadline_ns, self._clock))
            sock = self._tls.wrap_socket(plain, server_hostname=target.host) if self._tls else plain
        except BaseException:
            plain.close()
            raise
        connection = http.client.HTTPConnection(*target.endpoint)
        connection.sock = sock
        return connection

    def _exchange(
        self, connection: http.client.HTTPConnection, request_id: str, lane: str, deadline_ns: int,
        found: dict[str, Any],
    ) -> bool:
        """Send and read to the end, noting in `found` what is seen; tell whether the connection can be used again."""
        target = self._target
        headers = {
            "User-Agent": "zdtrace-probe", "Accept": "*/*", **target.headers, "Host": target.host_header,
            target.id_header: request_id, **({"Connection": "close"} if lane == NEW else {}),
        }
        connection.sock.settimeout(_left_s(deadline_ns, self._clock))
        connection.request(target.method, target.path, target.body, headers)
        connection.sock.settimeout(_left_s(deadline_ns, self._clock))
        sock = connection.sock  # a response that ends its connection takes it away
        response = connection.getresponse()
        found["first_byte_at_ns"] = self._clock.now_ns()
        found["status"] = response.status
        found["pod"] = next((redact_text(value)[:253] for name in _PODS if (value := response.getheader(name))), None)
        for _ in _body(response, sock, deadline_ns, self._clock):
            pass
        response.close()
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        is_counted = response.chunked or response.getheader("Content-Length") is not None
        found["is_truncated"] = False if is_counted else None
        return lane == REUSED and not response.will_close


def _body(
    response: http.client.HTTPResponse, sock: socket.socket, deadline_ns: int, clock: _Clock
) -> Iterator[bytes]:
    while not response.isclosed():
        sock.settimeout(_left_s(deadline_ns, clock))
        data = response.read1(_READ_BYTES)
        if not data:
            return
        yield data


def _left_s(deadline_ns: int, clock: _Clock) -> float:
    left_s = (deadline_ns - clock.now_ns()) / _SECOND_NS
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _tls(target: Target) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not target.is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _words(error: Exception, target: Target, *, is_connected: bool) -> str:
    """Return what went wrong in the words that all importers' errors are understood by."""
    if isinstance(error, socket.gaierror):
        return f"no such host: {target.host}"
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or error}"[:200]
    if isinstance(error, TimeoutError):
        what = "timeout" if is_connected else "connect timeout"
        return f"{what} after {target.timeout_s:g} s"
    if isinstance(error, http.client.IncompleteRead):
        return "unexpected EOF: the body was cut short"
    if isinstance(error, http.client.RemoteDisconnected):
        return "connection closed before the response"
    if isinstance(error, OSError):
        return _WORDS.get(error.errno or 0) or str(error.strerror or error)[:200]
    return f"no HTTP response: {type(error).__name__}"


@dataclass(slots=True)
class Lane:
    """What became of the requests of one kind. Latencies count from when they were to be sent, in ms."""

    sent: int = 0
    failed: int = 0
    late: int = 0
    latencies_ms: array[float] = field(default_factory=lambda: array("d"))

    def add(self, each: Sent) -> None:
        """Count one."""
        self.sent += 1
        self.failed += each.is_failed
        self.late += each.started_at_ns - each.intended_at_ns > 100_000_000
        self.latencies_ms.append((each.ended_at_ns - each.intended_at_ns) / 1e6)

    def quantiles_ms(self, *shares: float) -> list[float]:
        """Return the latencies that these shares of the requests stayed within."""
        ordered = sorted(self.latencies_ms)
        return [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in shares] if ordered else []
