"""What `zdtrace --help` costs beside the smallest typer program and beside Python itself."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 10
TYPER = """
import typer
app = typer.Typer()
@app.command()
def hello(name: str) -> None: ...
app()
"""
PROGRAMS = {
    "python -c pass": ["-c", "pass"],
    "a bare typer app --help": ["-c", TYPER, "--help"],
    "zdtrace --help": ["-m", "zdtrace", "--help"],
}


def milliseconds() -> dict[str, float]:
    """Return the median of ten runs of each program; they take turns, so that a busy moment hits all."""
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(RUNS):
        for name, words in PROGRAMS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *words], capture_output=True, check=True)
            taken[name].append((time.perf_counter() - began) * 1e3)
    return {name: statistics.median(each) for name, each in taken.items()}


if __name__ == "__main__":
    for name, median in milliseconds().items():
        print(f"{median:8.1f} ms  {name}")
