"""`zdtrace diff`: what changed between two runs, and how much of it the numbers support."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from zdtrace.importers.batch import import_paths
from zdtrace.resources import folder

Run = Callable[..., subprocess.CompletedProcess[str]]
Record = Callable[..., Path]
Sent = Callable[..., str]
SCHEMA = json.loads(folder("reports").joinpath("schema/comparison-1.json").read_text(encoding="utf-8"))
CLEAN = Path(__file__).parents[1] / "scenarios" / "clean" / "recording"


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rollout with readiness, draining and preStop that lost nothing; of its requests every 20th is kept."""
    into = tmp_path_factory.mktemp("clean") / "clean.zdtrace"
    import_paths(sorted(CLEAN.glob("*.zst")), into)
    return into


def comparison(zdtrace: Run, *sides: Path) -> dict[str, Any]:
    """Return the JSON, which always keeps its schema."""
    found = json.loads(zdtrace("diff", *sides, "-o", "json").stdout)
    jsonschema.validate(found, SCHEMA)
    assert isinstance(found, dict)
    return found


def test_a_rollout_that_lost_nothing_is_better_than_one_that_lost_40(
    zdtrace: Run, rollout: Path, clean: Path, golden: Callable[[str, str], None]
) -> None:
    result = zdtrace("diff", rollout, clean)
    assert (result.returncode, result.stderr) == (0, "")
    assert max(map(len, result.stdout.splitlines())) <= 80
    golden("diff.txt", result.stdout)
    golden("diff.md", zdtrace("diff", rollout, clean, "-o", "markdown").stdout)
    found = comparison(zdtrace, rollout, clean)
    assert found["change"] == ("better" if found["difference"]["p_value"] < 0.05 else "same")
    assert [(each["cause"], each["before"], each["after"]) for each in found["causes"]] == [
        ("endpoint_lag_refused", 23, 0), ("inflight_cut_sigterm", 17, 0),
    ]
    assert found["before"]["rollouts"] == [{"failed": 40, "total": found["before"]["rollouts"][0]["total"]}]
    assert len(found["after"]["rollouts"]) == 1
    assert found["difference"]["rollout_p_value"] == 1.0
    assert found["difference"]["failed_ratio_by_rollout"] is None


def test_the_other_way_round_it_is_worse_and_fails_a_pipeline(zdtrace: Run, recorded: Record, sent: Sent) -> None:
    good = recorded({"good.ndjson": [sent(at / 10) for at in range(100)]}, "good.zdtrace")
    bad = recorded({"bad.ndjson": [sent(at / 10, status=502 if at < 20 else 200) for at in range(100)]}, "bad.zdtrace")
    assert comparison(zdtrace, good, bad)["change"] == "worse"
    assert zdtrace("diff", good, bad).returncode == 1
    assert zdtrace("diff", bad, good).returncode == 0


def test_one_failure_more_may_be_chance(zdtrace: Run, recorded: Record, sent: Sent) -> None:
    good = recorded({"good.ndjson": [sent(at / 10) for at in range(100)]}, "good.zdtrace")
    one = recorded({"one.ndjson": [sent(at / 10, status=502 if at < 1 else 200) for at in range(100)]}, "one.zdtrace")
    found = comparison(zdtrace, good, one)
    assert (found["change"], found["difference"]["p_value"]) == ("same", 1.0)
    assert found["supports"] == [
        "no rollout was recorded on one side: nothing can be said of the next rollout"
    ]


def test_recordings_in_a_folder_add_up(zdtrace: Run, recorded: Record, sent: Sent, tmp_path: Path) -> None:
    for name in ("one", "two"):
        recorded({f"{name}.ndjson": [sent(at / 10) for at in range(50)]}, f"runs/{name}.zdtrace")
    bad = recorded({"bad.ndjson": [sent(0, status=502), sent(1)]}, "bad.zdtrace")
    found = comparison(zdtrace, tmp_path / "runs", bad)
    assert found["before"]["recordings"] == ["one", "two"]
    assert found["before"]["requests"] == {"total": 100, "failed": 0, "near_misses": 0}


def test_nothing_to_compare_with_is_inconclusive(zdtrace: Run, recorded: Record, sent: Sent) -> None:
    good = recorded({"good.ndjson": [sent(at / 10) for at in range(100)]}, "good.zdtrace")
    (good.parent / "none").mkdir()
    nothing = good.parent / "none" / "nothing.zdtrace"
    from zdtrace.recording.store import extend

    with extend(nothing):
        pass
    assert comparison(zdtrace, good, nothing)["change"] == "inconclusive"
    assert zdtrace("diff", good, nothing).returncode == 3


def test_a_folder_without_recordings_is_wrong_use(zdtrace: Run, rollout: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = zdtrace("diff", rollout, tmp_path / "empty")
    assert (result.returncode, result.stdout) == (2, "")
    assert "is not a recording and holds none" in result.stderr
    assert zdtrace("diff", rollout, tmp_path / "missing").returncode == 2


def test_yaml_says_what_json_says(zdtrace: Run, rollout: Path) -> None:
    written = zdtrace("diff", rollout, rollout, "-o", "yaml").stdout
    assert yaml.safe_load(written) == comparison(zdtrace, rollout, rollout)


def test_a_name_of_a_recording_is_no_markup(zdtrace: Run, recorded: Record, sent: Sent) -> None:
    hostile = recorded({"a.ndjson": [sent(0)]}, "<script>@you|`x`.zdtrace")
    text = zdtrace("diff", hostile, hostile, "-o", "markdown").stdout
    assert "Before: `` <script>@you|`x` ``. After:" in text
