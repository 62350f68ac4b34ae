"""A recorder and `kubectl get pods -w -o json` on the same stream: thousands of pods, changed again and again."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clusters import Lab, end, until
from recordings import in_table

NAMESPACE = "churn"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Churn:
    """What became of it. `missed` counts versions that the API server answered to and that are not in the recording."""

    pods: int
    changes: int
    rate: float
    seconds: float
    missed: int
    gaps: int
    behind_s: float
    """From the last change's answer to the arrival of the last version, at most."""
    recorder_cpu_s: float
    kubectl_cpu_s: float
    closing_s: float
    peak_mib: float
    """With the closing of the recording."""
    listening_mib: float
    kubectl_changes: int
    """What kubectl printed: it gives up when the API server ends its watch."""

    @property
    def is_compared(self) -> bool:
        """Whether kubectl printed all: one that gave up has parsed more than it printed."""
        return self.kubectl_changes >= self.changes

    @property
    def cpu_ratio(self) -> float:
        return self.recorder_cpu_s / self.kubectl_cpu_s


@contextlib.contextmanager
def pods_of(lab: Lab, number: int) -> Iterator[None]:
    """Make pods that no scheduler takes."""
    lab.run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=300)
    lab.run("churn", "-make", str(number), timeout=300)
    try:
        yield
    finally:
        lab.run("kubectl", "delete", "pods", "--all", "-n", NAMESPACE, "--force", "--wait=false", timeout=300)
        lab.run("kubectl", "delete", "namespace", NAMESPACE, "--wait=false", timeout=300)


def churned(lab: Lab, folder: Path, pods: int, rate: int, seconds: int, *, is_behind: bool = False) -> Churn:
    """Change that many pods at that rate while both listen.

    `is_behind` writes the changes into etcd, so that the API server has only to tell of them.
    """
    with pods_of(lab, pods), lab.recording(folder, "-n", NAMESPACE) as recorder:
        printed = folder.with_name("kubectl.json")
        with printed.open("w") as file:
            # Without the list: what it prints of that would keep it from its watch, which the API server then ends.
            asked = ("kubectl", "get", "pods", "-n", NAMESPACE, "--watch-only", "-o", "json")
            kubectl = lab.start(*asked, stdout=file)
        try:
            _until_idle(recorder.pid)
            _until_idle(kubectl.pid)
            before = cpu_s(recorder.pid), cpu_s(kubectl.pid)
            words = ["churn", "-change", str(pods), "-rate", str(rate), "-for", f"{seconds}s"]
            words += ["-behind"] if is_behind else []
            said = json.loads(lab.run(*words, timeout=10 * seconds + 120).stdout)
            ended_at_ns = time.time_ns()
            _until_idle(recorder.pid)
            _until_idle(kubectl.pid)
            after = cpu_s(recorder.pid), cpu_s(kubectl.pid)
            listening_kib = _peak_kib(recorder.pid)
        finally:
            end(kubectl)
        with printed.open() as lines:
            kubectl_changes = sum(line.startswith('    "kind": "Pod"') for line in lines)
        printed.unlink()
        stopped = time.monotonic()
        recorder.terminate()
        peak_kib = 0
        while recorder.poll() is None:
            peak_kib = max(peak_kib, _peak_kib(recorder.pid))
            time.sleep(0.05)
        closing_s = time.monotonic() - stopped
    rows = in_table(folder, "objects", "event_type, observed_at_ns, kind")
    heard = [at_ns for event_type, at_ns, kind in rows if event_type == "MODIFIED" and kind == "Pod"]
    gaps = [subject for (subject,) in in_table(folder, "gaps", "subject") if subject == "pods"]
    return Churn(
        pods=pods, changes=said["answered"], rate=said["answered"] / said["seconds"], seconds=said["seconds"],
        missed=said["answered"] - len(heard), gaps=len(gaps), behind_s=(max(heard) - ended_at_ns) / 1e9,
        recorder_cpu_s=after[0] - before[0], kubectl_cpu_s=after[1] - before[1], closing_s=closing_s,
        peak_mib=peak_kib / 1024, listening_mib=listening_kib / 1024, kubectl_changes=kubectl_changes,
    )


def cpu_s(process: int) -> float:
    """Return the processor time of a process, with that of all its threads."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS


def _until_idle(process: int) -> None:
    """Wait until a process has read all there was to read: two seconds with next to nothing done."""
    last = [cpu_s(process)]

    def is_idle() -> bool:
        time.sleep(2.0)
        last.append(cpu_s(process))
        return last[-1] - last[-2] < 0.1

    until(is_idle, 90)


def _peak_kib(process: int) -> int:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    return 0
