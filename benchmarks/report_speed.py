"""From a recording to its page: what is ours, what are imports, what is the drawing of still pictures.

    python benchmarks/report_speed.py [MILLIONS …]
Without words it takes the demo's 20 000 requests. Each run is a process of its own; Vega's runtime is in the cache, as
after the first report of a machine.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from large_recording import build
from measuring import machine

from zdtrace.importers.batch import import_paths
from zdtrace.reporting.pictures import runtime

PARTS = """
import json, resource, sys, time
def taken(began): return time.perf_counter() - began[0], time.process_time() - began[1]
def now(): return time.perf_counter(), time.process_time()
began = now()
import altair, duckdb, jinja2, polars, vl_convert
imports = taken(began)
from zdtrace.analysis.findings import find
from zdtrace.recording.store import open_recording
from zdtrace.reporting import html, pictures
from zdtrace.reporting.language import language
drawn = []
draw = pictures.svg
def svg(*words, **options):
    began = now()
    try:
        return draw(*words, **options)
    finally:
        drawn.append(taken(began))
pictures.svg = svg
began = now()
text = html.as_html(find(open_recording(sys.argv[1])), language("en"), command="zdtrace report REC")
whole = taken(began)
still = [sum(each) for each in zip(*drawn)]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([*imports, *still, whole[0] - still[0], whole[1] - still[1], peak, len(text.encode()) / 1e6]))
"""
RUNS = 3
SAMPLE = Path(__file__).parents[1] / "sample_data" / "rollout-ingress"


def main() -> None:
    """Build each recording, take the parts of its report, print a line each."""
    runtime()
    print(machine())
    print("  requests   imports (processor)   still pictures   the rest, ours     peak    page")
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
    """Print the medians of several runs."""
    found = []
    for _ in range(RUNS):
        result = subprocess.run([sys.executable, "-c", PARTS, str(folder)], capture_output=True, check=True)
        found.append(json.loads(result.stdout))
    parts = [statistics.median(column) for column in zip(*found, strict=True)]
    print(
        f"{title:>10} {parts[0]:>8.2f} s ({parts[1]:.2f}) {parts[2]:>8.2f} s ({parts[3]:.2f})"
        f" {parts[4]:>8.2f} s ({parts[5]:.2f}) {parts[6]:>5.0f} MiB {parts[7]:>4.1f} MB"
    )


if __name__ == "__main__":
    main()
