"""Who saw what in a raw lab recording: the application, kubelet, containerd, nginx, the wire."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from wire import Asked, connections, tracked

MS, S = 1_000_000, 1_000_000_000
_KILLING = re.compile(
    r'^[IWE](\d{2})(\d{2}) (\d\d):(\d\d):(\d\d)\.(\d+) .*object="default/([\w-]+)".*reason="Killing" message="(.*?)"'
)
_ERROR_LINE = re.compile(r'^(\S+)Z \S+ \S+ \[error\] (\d+)#\d+: \*(\d+) (.+?), client: .*?upstream: "http://([^/"]+)')
_OWNED = re.compile(
    r'pod="default/([\w-]+)".*(?:"Container(?:Started|Died)","Data":"|containerID="containerd://)(\w+)"'
)


@dataclass
class Pod:
    """One pod: its address and what happened to it, in order."""

    name: str
    ip: str = ""
    version: str = ""
    happened: list[tuple[int, str]] = field(default_factory=list)

    def before(self, at: int) -> list[tuple[int, str]]:
        return [each for each in self.happened if each[0] <= at + 3 * MS]

    def first(self, what: str) -> int | None:
        return next((at for at, each in self.happened if each == what), None)

    @property
    def deleted_ns(self) -> int | None:
        """When kubelet began to end it for good."""
        return self.first("stopping")

    def state(self, at: int) -> str:
        """Return why a pod did not listen at a time: new, stopped, ending, liveness, crash, oom; "" when it did."""
        state, reason = "new", ""
        for _, what in self.before(at):
            if what == "start":
                state = reason or "new"
            elif what == "listen":
                state, reason = "", ""
            elif what == "stop":
                state = "stopped"
            elif what == "stopping":
                reason = "ending"
            elif what == "liveness":
                reason = "liveness"
            elif what == "signal":
                state = reason or "ending"
                reason = state
            elif what == "oom":
                state = reason = "oom" if reason in ("", "oom") else reason
            elif what.startswith("ended"):
                state = reason = reason or "crash"
        return state


@dataclass
class Fate:
    """What the wire saw of a request's last try."""

    what: str
    at_ns: int
    pod: Pod | None = None
    asked: Asked | None = None


class Witnesses:
    """All that was told about one raw recording, `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
        self.settings: dict[str, Any] = self.truth["settings"]
        self.actions: list[dict[str, Any]] = self.truth["actions"]
        self.is_ingress = self.truth["via"] == "ingress"
        self.pods = self._pods()
        self.by_ip: dict[str, list[Pod]] = {}
        for pod in self.pods.values():
            self.by_ip.setdefault(pod.ip, []).append(pod)
        self.upstream = connections(folder / "pods.pcap", 8080, folder / "tracked.log")
        self.front = connections(folder / "lo.pcap", 80) if self.is_ingress else []
        self.nowhere = [at for at, *_, port, _ in tracked(folder / "tracked.log") if port == 8181]
        self.app_saw = self._requests_in_app()
        self.access = self._access_lines()
        self.words = self._words()

    def _app_lines(self) -> Iterable[tuple[Path, dict[str, Any]]]:
        for path in sorted(self.folder.glob("app-*.log")):
            for line in path.read_text(errors="replace").splitlines():
                if (at := line.find("{")) >= 0 and line.endswith("}"):
                    yield path, json.loads(line[at:])

    def _pods(self) -> dict[str, Pod]:
        pods: dict[str, Pod] = {}
        last: dict[str, int] = {}
        for path, row in self._app_lines():
            pod = pods.setdefault(row["pod"], Pod(row["pod"]))
            pod.version = row["version"]
            last[path.name] = row["ts_ns"]
            if row["event"] not in ("request", "answered"):
                pod.happened.append((row["ts_ns"], row["event"]))
        for line in (self.folder / "watch-pods.ndjson").read_text().splitlines():
            seen = json.loads(line)["event"]["object"]
            if (name := seen["metadata"].get("name", "")) in pods and (ip := seen.get("status", {}).get("podIP")):
                pods[name].ip = ip
        self._add_node_log(pods)
        for pod in pods.values():
            pod.happened.sort()
        return pods

    def _add_node_log(self, pods: dict[str, Pod]) -> None:
        """Add from kubelet why it ended a container, from containerd how containers ended."""
        owner: dict[str, str] = {}
        for path in self.folder.glob("kubelet*.log"):
            for line in path.read_text(errors="replace").splitlines():
                if (each := _KILLING.match(line)) and each[7] in pods:
                    month, day, hour, minute, second = (int(each[n]) for n in range(1, 6))
                    at = calendar.timegm((2026, month, day, hour, minute, second)) * S + int(each[6].ljust(9, "0"))
                    what = "liveness" if "liveness" in each[8] else "stopping" if "Stopping" in each[8] else "killing"
                    pods[each[7]].happened.append((at, what))
                elif (found := _OWNED.search(line)) and found[1] in pods:
                    owner[found[2]] = found[1]
        oom = set()
        for path in self.folder.glob("containerd-events*.log"):
            for line in path.read_text(errors="replace").splitlines():
                if " /tasks/oom " in line:
                    oom.add(json.loads(line[line.index("{") :])["container_id"])
                elif " /tasks/exit " in line:
                    row = json.loads(line[line.index("{") :])
                    if row["id"] != row["container_id"] or row["container_id"] not in owner:
                        continue
                    at = row["exited_at"]["seconds"] * S + row["exited_at"].get("nanos", 0)
                    status = row.get("exit_status", 0)
                    what = "oom" if row["container_id"] in oom else f"ended {status}"
                    pods[owner[row["container_id"]]].happened.append((at, what))

    def _requests_in_app(self) -> dict[str, list[tuple[str, str, int]]]:
        found: dict[str, list[tuple[str, str, int]]] = {}
        for _, row in self._app_lines():
            if row["event"] in ("request", "answered"):
                found.setdefault(row["id"], []).append((row["pod"], row["event"], row["ts_ns"]))
        return found

    def _access_lines(self) -> dict[int, list[tuple[int, dict[str, Any]]]]:
        """Return nginx's lines by the client's port, with the instant of their end."""
        path = self.folder / "nginx-access.ndjson"
        found: dict[int, list[tuple[int, dict[str, Any]]]] = {}
        for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
            row = json.loads(line)
            found.setdefault(int(row["remote"].rpartition(":")[2]), []).append(
                (round(float(row["msec"]) * 1000) * MS, row)
            )
        return found

    def _words(self) -> dict[tuple[str, str, str], list[tuple[int, str]]]:
        """Return what nginx said of its connections: by worker, client's connection and address."""
        path = self.folder / "nginx-error.log"
        found: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
        for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
            if each := _ERROR_LINE.match(line):
                stamp = datetime.fromisoformat(each[1][:26] + "+00:00").timestamp()
                found.setdefault((each[2], each[3], each[5]), []).append((round(stamp * 1e9), each[4]))
        return found

    def is_dropped(self, pod: Pod | None, at: int) -> bool:
        """Tell whether all packets to a pod were dropped then."""
        return any(
            each["do"] == "drop"
            and pod is not None
            and each["pod"] == pod.name
            and each["started_ns"] - 100 * MS <= at <= each["finished_ns"] + 100 * MS
            for each in self.actions
        )

    def pod_at(self, ip: str, at: int) -> Pod | None:
        """Return the pod that had an address at a time: the last one that started before, or just after."""
        owners = sorted(self.by_ip.get(ip, []), key=lambda pod: pod.happened[0][0] if pod.happened else 0)
        known = [pod for pod in owners if pod.happened and pod.happened[0][0] <= at + 2 * S]
        return known[-1] if known else (owners[0] if owners else None)
