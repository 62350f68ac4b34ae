"""Running commands as whole processes, in turns, for wall time, processor time and peak memory."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def run(command: Sequence[str]) -> Cost:
    """Run a command to its end; it must not fail."""
    began = time.perf_counter()
    process = os.posix_spawn(command[0], list(command), os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed with {os.waitstatus_to_exitcode(status)}")
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare(commands: Mapping[str, Sequence[str]], runs: int = 3) -> dict[str, Cost]:
    """Return each command's median cost; the commands take turns, so that a busy moment hits all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(run(command))
    return {
        name: Cost(
            statistics.median(each.wall_s for each in found),
            statistics.median(each.cpu_s for each in found),
            max(each.peak_mib for each in found),
        )
        for name, found in costs.items()
    }


def tell(title: str, costs: Mapping[str, Cost], measure: str, base: str) -> None:
    """Print the costs side by side, and how `measure` relates to `base`."""
    print(f"\n{title}")
    for name, cost in costs.items():
        print(f"  {name:34} {cost.wall_s:7.2f} s wall {cost.cpu_s:7.2f} s processor {cost.peak_mib:7.0f} MiB")
    ours, theirs = costs[measure], costs[base]
    wall, cpu = theirs.wall_s / ours.wall_s, theirs.cpu_s / ours.cpu_s
    print(f"  speed beside {base}: {wall:.2f} by wall, {cpu:.2f} by processor")


def machine() -> str:
    """Return what the numbers were taken on, without its name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), "unknown processor")
    load = os.getloadavg()[0]
    python = sys.version.split()[0]
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {model}, Python {python}, load {load:.1f} before"
