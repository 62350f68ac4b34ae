"""`zdtrace recommend`: the number, the other cures, and when it says that it cannot know."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from zdtrace.importers.base import Options
from zdtrace.importers.batch import import_paths
from zdtrace.resources import folder

Run = Callable[..., subprocess.CompletedProcess[str]]
Record = Callable[..., Path]
Sent = Callable[..., str]
SCHEMA = json.loads(folder("reports").joinpath("schema/recommendation-1.json").read_text(encoding="utf-8"))
SCENARIOS = Path(__file__).parents[1] / "scenarios"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Import a recording of `tests/scenarios`, once."""
    known: dict[str, Path] = {}

    def imported(name: str) -> Path:
        if name not in known:
            known[name] = tmp_path_factory.mktemp(name) / f"{name}.zdtrace"
            files = sorted((SCENARIOS / name / "recording").glob("*.zst"))
            import_paths(files, known[name], options=Options(year=2026, time_zone="UTC"))
        return known[name]

    return imported


def answer(zdtrace: Run, *words: str | Path, code: int = 0) -> dict[str, Any]:
    """Return the JSON, which always keeps its schema, and so does the exit code."""
    result = zdtrace("recommend", *words, "-o", "json")
    assert (result.returncode, result.stderr) == (code, "")
    found: dict[str, Any] = json.loads(result.stdout)
    jsonschema.validate(found, SCHEMA)
    return found


def test_two_seconds_would_have_spared_all_40(zdtrace: Run, rollout: Path) -> None:
    found = answer(zdtrace, rollout)
    assert (found["verdict"], found["prestop_s"], found["primary_remedy"]) == ("recommended", 2, "prestop")
    assert found["workload"] == "default/Deployment/demo"
    first = found["remedies"][0]
    assert (first["remedy"], first["avoids_certain"], first["avoids_possible"]) == ("prestop", 40, 40)
    left = {dose["prestop_s"]: dose["failed_possible"] for dose in found["counterfactual"]}
    assert (left[0], left[2]) == (40, 0)
    assert found["claim"]["rollouts"] == 1
    assert found["claim"]["coverage"] < 0.05


def test_the_terminal_shows_the_number_first(zdtrace: Run, rollout: Path, golden: Callable[[str, str], None]) -> None:
    result = zdtrace("recommend", rollout)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("RECOMMENDED: Let preStop sleep 2 s: it avoids 40 of 40 failed requests.\n")
    assert max(map(len, result.stdout.splitlines())) <= 80
    golden("recommend.txt", result.stdout)


@pytest.mark.parametrize(("name", "remedy", "number"), [
    ("inflight_cut_sigkill", "grace_period", 11),
    ("pod_not_ready_yet", "readiness_probe", None),
    ("app_5xx_new_version", "rollback", None),
    ("no_endpoints", "replicas", None),
])
def test_preStop_is_not_sold_where_something_else_helps(  # noqa: N802 - the field's own word
    zdtrace: Run, lab: Callable[[str], Path], name: str, remedy: str, number: int | None
) -> None:
    found = answer(zdtrace, lab(name))
    assert (found["verdict"], found["primary_remedy"]) == ("wrong_medicine", remedy)
    assert found["remedies"][0]["value"] == number


def test_a_preStop_that_outlasts_the_routing_is_left_alone(  # noqa: N802
    zdtrace: Run, lab: Callable[[str], Path]
) -> None:
    found = answer(zdtrace, lab("clean"))
    assert (found["verdict"], found["current"]["prestop_s"]) == ("not_needed", 5.0)
    assert found["prestop_s"] < 5


def test_requests_without_a_cluster_tell_nothing(zdtrace: Run, recorded: Record, sent: Sent) -> None:
    result = zdtrace("recommend", recorded({"a.ndjson": [sent(0)]}))
    assert (result.returncode, result.stdout) == (2, "")
    assert "no pod of any workload was recorded" in result.stderr


def test_the_patch_goes_to_stdout_and_its_warnings_to_stderr(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("recommend", rollout, "--patch")
    patch = yaml.safe_load(result.stdout)
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "demo", "lifecycle": {"preStop": {"exec": {"command": ["sleep", "2"]}}}}
    assert "warning: no version of a kubelet was recorded" in result.stderr
    native = zdtrace("recommend", rollout, "--patch", "--native-sleep", "-o", "json")
    (container,) = json.loads(native.stdout)["spec"]["template"]["spec"]["containers"]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 2}}}
    assert "warning" not in native.stderr


def test_only_one_form_of_the_change_is_written(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("recommend", rollout, "--patch", "--kustomize")
    assert (result.returncode, result.stdout) == (2, "")
    assert "exclude each other" in result.stderr
