"""What broke each request of a lab recording, told by those who saw it: nginx's words, the application's own log.

Nothing here reads what the analysis concluded, or shares code with it. The application tells to the nanosecond when
it started, listened, got its signal, exited or crashed; nginx names the pod's address, and its error log says what
happened to the connection. One machine with one clock wrote all of it.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

_ERROR_LINE = re.compile(r'^(\S+) \S+ \S+ \[error\] (\d+)#\d+: \*(\d+) (.+?), client: .*?upstream: "http://([^/"]+)')
_CLOCK_STEP_NS = 20_000_000
"""nginx looks at the clock once per turn of its event loop."""
_EJECTED_NS = 12_000_000_000


@dataclass(frozen=True)
class Happening:
    """A line of the application's log: start, listen, signal, exit or crash."""

    at_ns: int
    what: str
    version: str


def lines(folder: Path, name: str) -> list[str]:
    """Return a packed file's lines."""
    with (folder / f"{name}.zst").open("rb") as packed:
        return zstandard.ZstdDecompressor().stream_reader(packed).read().decode().splitlines()


class Witness:
    """Everything that was told about one recording."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth: dict[str, Any] = json.loads((folder / "truth" / "truth.json").read_text())
        self.life: dict[str, list[Happening]] = defaultdict(list)
        for line in (folder / "truth" / "app.log").read_text().splitlines():
            row = json.loads(line[line.index("{"):])
            self.life[row["pod"]].append(Happening(row["ts_ns"], row["event"], row["version"]))
        self.pod_by_ip = dict(self._addresses())
        self.words = self._words()

    def _addresses(self) -> Iterator[tuple[str, str]]:
        for line in lines(self.folder, "watch-pods.ndjson"):
            pod = json.loads(line)["event"]["object"]
            if ip := pod.get("status", {}).get("podIP"):
                yield ip, pod["metadata"]["name"]

    def _words(self) -> dict[tuple[str, str, str], str]:
        """Return the error log's words by worker, connection and address; the last ones said count."""
        found = (_ERROR_LINE.match(line) for line in lines(self.folder, "nginx-error.log"))
        return {(each[2], each[3], each[5]): each[4] for each in found if each}

    def labels(self) -> dict[int, str]:
        """Return the cause of each failed request by its line in the access log, from 1."""
        access = lines(self.folder, "nginx-access.ndjson")
        rows = {number: json.loads(line) for number, line in enumerate(access, 1)}
        return {number: self.label(row) for number, row in rows.items() if int(row["status"]) >= 499}

    def label(self, row: dict[str, Any]) -> str:
        """Return what broke a request, by the last address that nginx tried."""
        address = row["upstream_addr"].split(", ")[-1]
        ended_ns = round(float(row["msec"]) * 1000) * 1_000_000
        if address == "127.0.0.1:8181":
            return "no_endpoints"
        if not re.match(r"[\d.]+:\d+$", address):
            return self._why_all_were_ejected(ended_ns)
        life = self.life[self.pod_by_ip[address.split(":")[0]]]
        words = self.words.get((row["worker"], row["connection"], address), "")
        if "111:" in words:
            return self._why_refused(life, ended_ns)
        if "104:" in words or "prematurely closed" in words:
            return self._why_cut(life, ended_ns)
        if row["upstream_connect_time"].split(", ")[-1] == "-":
            return "endpoint_lag_blackhole"
        return "app_5xx_new_version" if life[-1].version == "v2" else "app_5xx"

    def _why_refused(self, life: list[Happening], ended_ns: int) -> str:
        before = [each.what for each in life if each.at_ns <= ended_ns + _CLOCK_STEP_NS]
        if "signal" in before:
            return "endpoint_lag_refused"
        return "container_crash" if "crash" in before else "pod_not_ready_yet"

    def _why_cut(self, life: list[Happening], ended_ns: int) -> str:
        before = [each.what for each in life if each.at_ns <= ended_ns + _CLOCK_STEP_NS]
        if "signal" not in before:
            return "container_crash" if "crash" in before else "unknown"
        if any(each.what == "exit" for each in life):
            return "inflight_cut_sigterm"
        settings = self.truth["settings"]
        is_too_long = settings.get("prestop", 0) >= settings.get("grace", 30)
        return "prestop_exceeds_grace" if is_too_long else "inflight_cut_sigkill"

    def _why_all_were_ejected(self, ended_ns: int) -> str:
        """nginx leaves out for 10 s who refused: look who should have served then, and for how long did not listen."""
        lasted = Counter[str]()
        for life in self.life.values():
            for cause, from_ns, until_ns in _silences(life):
                lasted[cause] += max(0, min(until_ns, ended_ns) - max(from_ns, ended_ns - _EJECTED_NS))
        if any(lasted.values()):
            return lasted.most_common(1)[0][0]
        ends = [each.at_ns for life in self.life.values() for each in life if each.what == "signal"]
        return "endpoint_lag_refused" if any(0 <= ended_ns - at <= _EJECTED_NS for at in ends) else "unknown"


def _silences(life: list[Happening]) -> Iterator[tuple[str, int, int]]:
    """Yield when a pod that nobody ended did not listen: from its start, or from a crash, to its next `listen`."""
    cause, from_ns = "", 0
    for each in life:
        if each.what == "crash" or (each.what == "start" and not cause):
            cause, from_ns = ("container_crash" if each.what == "crash" else "pod_not_ready_yet"), each.at_ns
        elif each.what == "listen":
            yield cause, from_ns, each.at_ns
            cause = ""
    if cause:
        yield cause, from_ns, sys.maxsize
