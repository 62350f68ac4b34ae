"""`zdtrace import` beside the plainest DuckDB statement that reads the same file and writes Parquet.

The statement hashes, counts, checks and redacts nothing: it is the floor. All run as whole processes, in turns; what
the hash of the source costs alone on this processor, `sha256sum` tells. The last log is broken in each line.
    python benchmarks/import_speed.py [LINES]
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import zstandard
from measuring import compare, machine, tell

LOGS = Path(__file__).parents[1] / "sample_data" / "rollout-ingress"
STEP_NS = 60_000_000_000
BROKEN = (
    "import duckdb, sys; duckdb.sql(f\"copy (select * from read_json('{sys.argv[1]}', format = 'newline_delimited', "
    "ignore_errors = true)) to '{sys.argv[2]}'\")"
)
PLAIN = "import duckdb, sys; duckdb.sql(f\"copy (select * from read_json('{sys.argv[1]}')) to '{sys.argv[2]}'\")"


def main() -> None:
    """Make both logs, import each, print the ratios."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem, pattern, shift in (
            ("fortio.ndjson", r'("timestamp":)(\d+)', lambda value, step: str(int(value) + step * STEP_NS)),
            ("nginx-access.ndjson", r'("msec":")([\d.]+)', lambda value, step: f"{float(value) + step * 60:.3f}"),
        ):
            log = folder / stem
            repeat(LOGS / f"{stem}.zst", log, lines, re.compile(pattern), shift)
            recording, parquet = folder / f"{stem}.zdtrace", folder / "plain.parquet"
            ours = [sys.executable, "-m", "zdtrace", "import", str(log), "--into", str(recording), "--force"]
            plain = [sys.executable, "-c", PLAIN, str(log), str(parquet)]
            hashed = [shutil.which("sha256sum") or "sha256sum", str(log)]
            costs = compare({"zdtrace import": ours, "plain DuckDB": plain, "sha256sum": hashed})
            size_mb = log.stat().st_size / 1e6
            tell(f"{stem}: {lines:,} lines, {size_mb:,.0f} MB", costs, "zdtrace import", "plain DuckDB")
            log.unlink()
            shutil.rmtree(recording)
        compare_broken(folder, lines * 2 // 5)


def compare_broken(folder: Path, lines: int) -> None:
    """Import a log of which every line but the first thousand is cut off; DuckDB is told to pass over them."""
    log, recording = folder / "broken.ndjson", folder / "broken.zdtrace"
    with log.open("w", encoding="utf-8") as file:
        for number in range(1000):
            good = {"latency": 0.002, "timestamp": STEP_NS * 29_924_178 + number, "thread": 0, "iter": 0}
            file.write(json.dumps({**good, "ok": True, "details": "200"}, separators=(",", ":")) + "\n")
        for number in range(lines):
            file.write(f'{{"latency":0.002,"timestamp":{number},"thr\n')
    ours = [sys.executable, "-m", "zdtrace", "import", str(log), "--into", str(recording), "--force"]
    plain = [sys.executable, "-c", BROKEN, str(log), str(folder / "plain.parquet")]
    tell(f"{log.name}: {lines:,} broken lines", compare({"zdtrace import": ours, "plain DuckDB": plain}),
         "zdtrace import", "plain DuckDB")


def repeat(
    source: Path, target: Path, lines: int, pattern: re.Pattern[str], shift: Callable[[str, int], str]
) -> None:
    """Write a real log again and again, each time a minute later, until it has `lines` lines."""
    with source.open("rb") as file:
        real = zstandard.ZstdDecompressor().stream_reader(file).read().decode().splitlines()
    found = [(line, pattern.search(line)) for line in real if line]
    parts = [(line[: at.start(2)], at[2], line[at.end(2) :]) for line, at in found if at]
    with target.open("w", encoding="utf-8") as file_out:
        for written in range(0, lines, len(parts)):
            step = written // len(parts)
            block = parts[: lines - written]
            file_out.write("".join(f"{before}{shift(value, step)}{after}\n" for before, value, after in block))


if __name__ == "__main__":
    main()
