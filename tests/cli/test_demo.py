"""`zdtrace demo`: from shipped logs to a verdict, with no cluster and no network."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]
SAMPLE = Path(__file__).parents[2] / "sample_data" / "rollout-ingress"


def test_the_demo_shows_the_verdict_and_succeeds(
    zdtrace: Run, tmp_path: Path, golden: Callable[[str, str], None]
) -> None:
    result = zdtrace("demo", "-o", "demo.zdtrace")
    assert result.returncode == 0
    golden("demo.txt", result.stdout)
    assert zdtrace("analyze", "demo.zdtrace").stdout == result.stdout


def test_what_it_says_to_type_next_works(zdtrace: Run) -> None:
    said = zdtrace("demo", "-o", "demo.zdtrace").stderr
    for line in said.splitlines():
        program, *words = shlex.split(line) if line.startswith("  zdtrace ") else ("", "")
        if program and "demo.zdtrace" in words:
            assert zdtrace(*words).returncode == 0, line
    assert said.count("\n  zdtrace ") == 4


def test_without_a_name_it_keeps_the_recording_in_a_temporary_folder(zdtrace: Run, tmp_path: Path) -> None:
    home = tmp_path / "home of temporary files"
    home.mkdir()
    result = zdtrace("demo", env={"TMPDIR": str(home)})
    assert result.returncode == 0
    [recording] = home.glob("zdtrace-*/demo.zdtrace")
    assert shlex.quote(str(recording)) in result.stderr
    assert [path.name for path in home.iterdir()] == [recording.parent.name]


def test_a_recording_is_replaced_only_by_force(zdtrace: Run) -> None:
    assert zdtrace("demo", "-o", "demo.zdtrace").returncode == 0
    assert zdtrace("demo", "-o", "demo.zdtrace").returncode == 2
    assert zdtrace("demo", "-o", "demo.zdtrace", "--force").returncode == 0


def test_what_travels_is_small() -> None:
    assert sum(file.stat().st_size for file in SAMPLE.iterdir()) < 1_500_000
