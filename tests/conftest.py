"""Fixtures for all tests: running `zdtrace` as a user does, and comparing with a golden file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import hypothesis
import pytest

GOLDEN = Path(__file__).parent / "golden"
Run = Callable[..., subprocess.CompletedProcess[str]]

# How long an example takes depends on the machine. Where changes are judged, chance has no part.
hypothesis.settings.register_profile("zdtrace", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("zdtrace")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="write the files in tests/golden anew")
    parser.addoption(
        "--kubeconfig", metavar="FILE", help="run tests/cluster on this cluster (kind, say) and not in tests/lab"
    )


@pytest.fixture
def zdtrace(tmp_path: Path) -> Run:
    """Run `zdtrace` in an empty folder: `zdtrace("import", "--help", env={"TERM": "dumb"})`."""

    def run(*words: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        quiet = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        return subprocess.run(
            [sys.executable, "-m", "zdtrace", *map(str, words)],
            cwd=tmp_path, env={**quiet, "COLUMNS": "80", **(env or {})},
            capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
        )

    return run


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a file: `golden("help.txt", text)`; `just golden` writes it anew."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--write-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"not as in tests/golden/{name}; see `just golden`"

    return compare
