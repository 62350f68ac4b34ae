"""The contracts of `[tool.importlinter]`: data flows one way, and only two packages talk to a cluster."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"]
    return subprocess.run([*program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package, to be spoilt."""
    shutil.copytree(ROOT / "zdtrace", tmp_path / "zdtrace", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_code_keeps_its_layers() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("module", "line", "contract"), [
    ("recording/spoilt.py", "import zdtrace.importers", "data flows one way BROKEN"),
    ("importers/spoilt.py", "import kubernetes", "only collectors and chaos talk to a cluster BROKEN"),
])
def test_an_import_in_the_wrong_direction_is_found(
    checkout: Path, module: str, line: str, contract: str
) -> None:
    (checkout / "zdtrace" / module).write_text(line + "\n", encoding="utf-8")
    result = lint_imports(checkout)
    assert result.returncode == 1
    assert contract in result.stdout
