"""`zdtrace history`: one line a recording, oldest first, and what they support together."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from zdtrace.importers.batch import import_paths
from zdtrace.resources import folder

Run = Callable[..., subprocess.CompletedProcess[str]]
Record = Callable[..., Path]
Sent = Callable[..., str]
SCHEMA = json.loads(folder("reports").joinpath("schema/history-1.json").read_text(encoding="utf-8"))
CLEAN = Path(__file__).parents[1] / "scenarios" / "clean" / "recording"


@pytest.fixture
def runs(tmp_path: Path, rollout: Path) -> Path:
    """A rollout that lost 40 requests, and one that lost none."""
    import_paths(sorted(CLEAN.glob("*.zst")), tmp_path / "runs" / "clean.zdtrace")
    shutil.copytree(rollout, tmp_path / "runs" / "rollout.zdtrace")
    return tmp_path / "runs"


def test_each_recording_is_a_line_with_its_causes(zdtrace: Run, runs: Path, golden: Callable[[str, str], None]) -> None:
    result = zdtrace("history", runs)
    assert (result.returncode, result.stderr) == (0, "")
    golden("history.txt", result.stdout)
    found = json.loads(zdtrace("history", runs, "-o", "json").stdout)
    jsonschema.validate(found, SCHEMA)
    assert [(run["recording"], run["requests"]["failed"], run["current_prestop_s"]) for run in found["runs"]] == [
        ("rollout", 40, 0.0), ("clean", 0, 5.0),
    ]
    assert found["runs"][0]["causes"] == {"endpoint_lag_refused": 23, "inflight_cut_sigterm": 17}
    assert all(0 < run["propagation_s"] < 1 for run in found["runs"])
    assert found["together"]["claim"]["rollouts"] == 2
    assert found["together"]["requests"]["failed"] == 40


def test_a_recording_without_pods_stays_in_the_list(zdtrace: Run, recorded: Record, sent: Sent, tmp_path: Path) -> None:
    recorded({"a.ndjson": [sent(0), sent(1, status=502)]}, "runs/a.zdtrace")
    found = json.loads(zdtrace("history", tmp_path / "runs", "-o", "json").stdout)
    jsonschema.validate(found, SCHEMA)
    assert [(run["workload"], run["recommendation"]) for run in found["runs"]] == [(None, None)]
    assert found["together"] is None


def test_a_folder_without_recordings_is_wrong_use(zdtrace: Run, tmp_path: Path) -> None:
    result = zdtrace("history", tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
