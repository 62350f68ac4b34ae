"""From a recording to its page, as the command is run: what is ours, what are imports, what is the drawing of pictures.

    python benchmarks/report_speed.py [MILLIONS …]
Without words it takes the demo's 20 000 requests. Each run is a process of its own, with the processes that it starts
counted in; Vega's runtime and compiled modules are in a cache, as after the first report of a machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large_recording import build
from measuring import machine

from zdtrace.importers.batch import import_paths
from zdtrace.reporting.pictures import runtime

# The parts in the process that reads and writes; another draws meanwhile, of which at the end only the cost is known.
PARTS = """
import json, resource, sys, time
def used(who): usage = resource.getrusage(who); return usage.ru_utime + usage.ru_stime
import duckdb, jinja2, yaml
imported = used(resource.RUSAGE_SELF)
from zdtrace.cli import main
from zdtrace.reporting import drawing
waited = 0
drawn = drawing.Sitting.drawn
def waiting(self):
    global waited
    began = time.perf_counter()
    try:
        return drawn(self)
    finally:
        waited += time.perf_counter() - began
drawing.Sitting.drawn = waiting
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
ours = used(resource.RUSAGE_SELF) - imported
print(json.dumps([imported, ours, waited, used(resource.RUSAGE_CHILDREN)]))
"""
RUNS = 5
SAMPLE = Path(__file__).parents[1] / "sample_data" / "rollout-ingress"


def main() -> None:
    """Build each recording, write its report, print a line each."""
    runtime()
    print(machine())
    print("  requests      wall   imports      ours   waiting for pictures   drawing them     peak    page")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "one.zdtrace"
        sizes = [int(each) for each in sys.argv[1:]]
        if not sizes:
            import_paths(sorted(SAMPLE.glob("*.zst")), folder)
            tell("20 000", folder)
        for millions in sizes:
            build(folder, requests=millions * 1_000_000, failures=20_000, rollouts=50, has_proxy=True)
            tell(f"{millions} M", folder)


def tell(title: str, folder: Path) -> None:
    """Print the least of several runs, which take turns with whatever else the machine does."""
    page = folder.with_name("page.html")
    # Compiled modules are kept also where an environment says not to: installed packages have theirs.
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(folder.with_name("compiled")),
    }
    found = []
    for number in range(RUNS + 1):
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", PARTS, "report", str(folder), "-o", str(page), "--force"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
        )
        assert process.stdout is not None
        parts = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if number:  # the first one fills the caches
            found.append([time.perf_counter() - began, *parts, usage.ru_maxrss / 1024])
    wall, imports, ours, waited, drawing, peak = map(min, zip(*found, strict=True))
    middle = statistics.median(each[0] for each in found)
    print(
        f"{title:>10} {wall:>7.2f} s {imports:>7.2f} s {ours:>7.2f} s {waited:>20.2f} s {drawing:>12.2f} s"
        f" {peak:>5.0f} MiB {page.stat().st_size / 1e6:>4.1f} MB   (median {middle:.2f} s by wall)"
    )


if __name__ == "__main__":
    main()
