"""Requests while they are sent: the end of the load test's own log, read as it grows."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

_MOST_BYTES = 8 << 20
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """One request: when it ended (ns since 1970 UTC, our clock), how long it took, whether it failed."""

    ended_at_ns: int
    latency_ms: float
    is_failed: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The requests of some time."""

    requests: tuple[Request, ...]

    @property
    def total(self) -> int:
        """How many have ended."""
        return len(self.requests)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(each.is_failed for each in self.requests)

    @property
    def failed_ratio(self) -> float:
        """Which share failed; 0 of none."""
        return self.failed / self.total if self.total else 0.0

    def quantile_ms(self, quantile: float) -> float:
        """Return the latency that a share of them did not exceed; 0 of none."""
        if not self.requests:
            return 0.0
        every = sorted(each.latency_ms for each in self.requests)
        return every[min(len(every) - 1, int(quantile * len(every)))]


class LiveRequests:
    """Reads the logs at these paths, which need not be there yet; keeps the last `keeps_s` seconds."""

    def __init__(self, paths: Iterable[Path], keeps_s: float) -> None:
        self._waiting = list(paths)
        self._files: list[tuple[BinaryIO, bytearray]] = []
        self._keeps_ns = int(keeps_s * _NS)
        self._requests: deque[Request] = deque()

    def read(self, now_ns: int) -> None:
        """Read what is new."""
        for path in [each for each in self._waiting if each.is_file()]:
            self._waiting.remove(path)
            self._files.append((path.open("rb"), bytearray()))
        for file, rest in self._files:
            while data := file.read(_MOST_BYTES):
                *lines, last = (bytes(rest) + data).split(b"\n")
                rest[:] = last[-_MOST_BYTES:]
                self._requests.extend(found for line in lines if (found := parsed(line)) is not None)
        oldest_ns = now_ns - self._keeps_ns
        while self._requests and self._requests[0].ended_at_ns < oldest_ns:
            self._requests.popleft()

    def window(self, now_ns: int, span_s: float) -> Window:
        """Return the requests that ended in the last `span_s` seconds."""
        from_ns = now_ns - int(span_s * _NS)
        return Window(tuple(each for each in self._requests if each.ended_at_ns >= from_ns))

    def close(self) -> None:
        """Let go of the files."""
        for file, _ in self._files:
            file.close()
        self._files.clear()
        self._waiting.clear()


def parsed(line: bytes) -> Request | None:
    """Return the request of a line of our probe's, fortio's or k6's log; null for any other line."""
    try:
        found = json.loads(line)
        if "probe" in found:
            return None if found.get("is_canary") else _of_probe(found)
        if "latency" in found:
            return _of_fortio(found)
        return _of_k6(found) if found.get("metric") == "http_req_duration" and found.get("type") == "Point" else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _of_probe(found: dict[str, Any]) -> Request:
    status = found.get("status")
    is_failed = bool(found.get("error")) or bool(found.get("is_truncated")) or is_bad(status)
    ended_at_ns = int(found["ended_at_ns"])
    return Request(ended_at_ns, (ended_at_ns - int(found["intended_at_ns"])) / 1e6, is_failed)


def _of_fortio(found: dict[str, Any]) -> Request:
    latency_s = float(found["latency"])
    code = str(found["details"])
    return Request(int(found["timestamp"]) + int(latency_s * _NS), latency_s * 1e3, is_bad(int(code)))


def _of_k6(found: dict[str, Any]) -> Request:
    data = found["data"]
    # k6 dates a point by the request's end.
    ended_at_ns = int(datetime.fromisoformat(str(data["time"])).timestamp() * _NS)
    return Request(ended_at_ns, float(data["value"]), is_bad(int(data["tags"].get("status") or 0)))


def is_bad(status: object) -> bool:
    """Tell whether a status is a failure, as the analysis counts by default: none, 429, 5xx."""
    return not isinstance(status, int) or status < 100 or status == 429 or status >= 500
