"""`zdtrace import` beside the plainest DuckDB statement that reads the same file and writes Parquet.

The statement counts, checks, redacts and sorts nothing: it is the floor. Both run as whole processes, in turns.
    python benchmarks/import_speed.py [LINES]
"""

from __future__ import annotations

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
            costs = compare({"zdtrace import": ours, "plain DuckDB": plain})
            size_mb = log.stat().st_size / 1e6
            tell(f"{stem}: {lines:,} lines, {size_mb:,.0f} MB", costs, "zdtrace import", "plain DuckDB")
            log.unlink()
            shutil.rmtree(recording)


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
