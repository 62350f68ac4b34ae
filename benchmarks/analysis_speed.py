"""A whole diagnosis beside one bare DuckDB aggregation per second of the same requests, from one to many millions.

    python benchmarks/analysis_speed.py [MILLIONS …]
Both run in a process of their own that imports duckdb first; the import is not counted, planning and views are.
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

BARE = """
import duckdb, glob, json, resource, sys, time
files = sorted(glob.glob(sys.argv[1] + "/tables/requests/*.parquet"))
db = duckdb.connect()
db.execute("set enable_progress_bar = false")
began = time.perf_counter()
db.execute('''
    select started_at_ns // 1000000000 as second, count(*), count(*) filter (where status >= 500),
        avg(ended_at_ns - started_at_ns), max(ended_at_ns - started_at_ns)
    from read_parquet($1) group by second
''', [files]).fetchall()
took = time.perf_counter() - began
print(json.dumps([took, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
DIAGNOSIS = """
import duckdb, json, resource, sys, time
import zdtrace
began = time.perf_counter()
zdtrace.diagnose(zdtrace.open_recording(sys.argv[1]))
took = time.perf_counter() - began
print(json.dumps([took, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
RUNS = 5


def main() -> None:
    """Build a recording of each size, time both, print a line each."""
    sizes = [int(each) for each in sys.argv[1:]] or [1, 10, 100]
    print(machine())
    print("    requests  proxy log     bare  diagnosis  ratio  per million      peak")
    with tempfile.TemporaryDirectory() as name:
        for millions in sizes:
            for has_proxy in (False, True) if millions <= 10 else (False,):
                folder = Path(name) / "large.zdtrace"
                build(folder, requests=millions * 1_000_000, failures=20_000, rollouts=50, has_proxy=has_proxy)
                bare, diagnosis = measured(folder)
                ratio = diagnosis[0] / bare[0]
                print(
                    f"{millions:>10} M {'yes' if has_proxy else 'no':>10} {bare[0]:>6.2f} s {diagnosis[0]:>8.2f} s "
                    f"{ratio:>6.1f} {1000 * diagnosis[0] / millions:>9.0f} ms {diagnosis[2]:>5.0f} MiB"
                )


def measured(folder: Path) -> tuple[list[float], list[float]]:
    """Return median wall time, processor time and peak MiB of both, which take turns."""
    taken: tuple[list[list[float]], list[list[float]]] = ([], [])
    for _ in range(RUNS):
        for program, found in zip((BARE, DIAGNOSIS), taken, strict=True):
            result = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, check=True)
            found.append(json.loads(result.stdout))
    bare, diagnosis = ([statistics.median(column) for column in zip(*each, strict=True)] for each in taken)
    return bare, diagnosis


if __name__ == "__main__":
    main()
