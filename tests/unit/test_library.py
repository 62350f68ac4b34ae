"""What `import zdtrace` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import zdtrace
from zdtrace.importers.batch import import_paths

SAMPLE = Path(__file__).parents[2] / "sample_data" / "rollout-ingress"


def test_every_offered_name_is_there_and_they_are_sorted() -> None:
    assert zdtrace.__all__ == sorted(zdtrace.__all__)
    assert dir(zdtrace) == zdtrace.__all__
    for name in zdtrace.__all__:
        assert getattr(zdtrace, name) is not None


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'no_such'"):
        _ = zdtrace.no_such


def test_importing_it_costs_almost_nothing() -> None:
    heavy = "{'duckdb', 'polars', 'altair', 'kubernetes', 'rich', 'typer'} & set(sys.modules)"
    subprocess.run(
        [sys.executable, "-c", f"import sys, zdtrace; found = {heavy}; sys.exit(str(found) if found else 0)"],
        check=True,
    )


def test_a_recording_is_diagnosed_in_two_lines(tmp_path: Path) -> None:
    assert import_paths(sorted(SAMPLE.glob("*.zst")), tmp_path / "rollout.zdtrace").is_complete
    diagnosis = zdtrace.diagnose(zdtrace.open_recording(tmp_path / "rollout.zdtrace"))
    assert diagnosis.verdict == zdtrace.Verdict.FAIL
    frame = diagnosis.frame()
    assert frame.height == diagnosis.requests.failed == 40
    assert dict(frame["cause"].value_counts().iter_rows()) == {
        cause.name: cause.failed for cause in diagnosis.causes
    }
