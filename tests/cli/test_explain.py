"""`zdtrace explain`: the story of one failed request."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_lines import lines_of

from zdtrace.analysis.engine import Engine
from zdtrace.importers.base import Options
from zdtrace.importers.batch import import_paths
from zdtrace.recording.store import open_recording

Run = Callable[..., subprocess.CompletedProcess[str]]
SAMPLE = Path(__file__).parents[2] / "sample_data" / "rollout-ingress"
REQUEST = "fortio.ndjson.zst:5362"


def test_the_story_goes_from_the_deletion_to_the_error(
    zdtrace: Run, rollout: Path, golden: Callable[[str, str], None]
) -> None:
    result = zdtrace("explain", rollout, REQUEST)
    assert (result.returncode, result.stderr) == (0, "")
    assert max(map(len, result.stdout.splitlines())) <= 80
    golden("explain.txt", result.stdout)


def test_every_line_that_the_story_names_says_what_the_story_says(zdtrace: Run, rollout: Path) -> None:
    story = json.loads(zdtrace("explain", rollout, REQUEST, "-o", "json").stdout)
    told = {moment["what"]: moment for moment in story["moments"]}
    assert "Connection refused" in _line(story["tries"][0]["error_line"])
    assert story["tries"][0]["upstream_address"] in _line(story["tries"][0]["proxy_line"])
    pod = story["verdict"]["pod_name"]
    deletion = told["deleted by admin (kube-controller-manager)"]
    assert (deletion["subject"], deletion["clock"]) == (pod, "apiserver")
    assert '"verb":"delete"' in _line(deletion["reference"])
    assert pod in _line(deletion["reference"])
    kill = json.loads(_line(told["kubelet starts to end it"]["reference"]))["event"]["object"]
    assert (kill["reason"], kill["involvedObject"]["name"]) == ("Killing", pod)


def test_the_kill_comes_before_the_request_and_the_exit_after_it_began(zdtrace: Run, rollout: Path) -> None:
    story = json.loads(zdtrace("explain", rollout, REQUEST, "-o", "json").stdout)
    whats = [moment["what"] for moment in story["moments"]]
    order = ["kubelet starts to end it", "SIGTERM (at once: no preStop)", "request starts", "request ends: 502"]
    assert [what for what in whats if what in order] == order
    assert [moment["offset_ms"] for moment in story["moments"]] == sorted(
        moment["offset_ms"] for moment in story["moments"]
    )
    assert story["cause"]["cause"] == "endpoint_lag_refused"
    kill, sent = (next(each for each in story["moments"] if each["what"] == what) for what in (order[0], order[2]))
    since_kill_ms = sent["offset_ms"] - kill["offset_ms"]
    assert story["cause"]["columns"]["since_kill_ms"] == pytest.approx(since_kill_ms, abs=5)


@pytest.mark.parametrize("name", ["5362", "ndjson.zst:5362", REQUEST])
def test_the_end_of_a_name_is_enough_when_it_is_the_only_one(zdtrace: Run, rollout: Path, name: str) -> None:
    assert json.loads(zdtrace("explain", rollout, name, "-o", "json").stdout)["request"]["request_id"] == REQUEST


def test_a_line_that_two_logs_have_is_not_guessed(
    zdtrace: Run, recorded: Callable[..., Path], sent: Callable[..., str]
) -> None:
    recording = recorded({"a.ndjson": [sent(0, status=502)], "b.ndjson": [sent(1, status=502)]})
    result = zdtrace("explain", recording, "1")
    assert (result.returncode, result.stdout) == (2, "")
    assert "`1` may be any of 2 failed requests" in result.stderr
    assert "a.ndjson:1, b.ndjson:1" in result.stderr


def test_a_request_that_did_not_fail_says_so_and_names_those_near_it(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("explain", rollout, "fortio.ndjson.zst:5355")
    assert result.returncode == 2
    assert "did not fail: its status is 200" in result.stderr
    assert "fortio.ndjson.zst:5356" in result.stderr


@pytest.mark.parametrize("name", ["", ":", "99999999999999999999999", "no such", "%", "fortio.ndjson.zst:0"])
def test_an_unknown_request_is_wrong_use(zdtrace: Run, rollout: Path, name: str) -> None:
    result = zdtrace("explain", rollout, name)
    assert (result.returncode, result.stdout) == (2, "")
    assert "no failed request is called" in result.stderr or "may be any of" in result.stderr


def test_what_is_not_explained_says_which_evidence_would_decide(
    zdtrace: Run, recorded: Callable[..., Path], sent: Callable[..., str]
) -> None:
    result = zdtrace("explain", recorded({"fortio.ndjson": [sent(0, status=502)]}), "1")
    assert result.returncode == 0
    assert "Not explained" in result.stdout
    assert "WHAT WOULD DECIDE\na watch of pods" in result.stdout


def _line(reference: str) -> str:
    source, _, line = reference.rpartition(":")
    return lines_of(SAMPLE / source)[int(line) - 1]


SCENARIOS = Path(__file__).parents[1] / "scenarios"


@pytest.mark.parametrize(("name", "causes"), [
    ("endpoint_lag_blackhole", {"endpoint_lag_blackhole", "client_timeout"}),
    ("pod_not_ready_yet", {"endpoint_lag_refused", "pod_not_ready_yet"}),
    ("no_endpoints", {"endpoint_lag_refused", "no_endpoints"}),
])
def test_without_a_proxys_log_it_says_why_not_the_other_cause_and_what_would_tell_the_two_apart(
    zdtrace: Run, tmp_path: Path, name: str, causes: set[str]
) -> None:
    recording = tmp_path / "client.zdtrace"
    logs = [path for path in sorted((SCENARIOS / name / "recording").glob("*.zst")) if "nginx" not in path.name]
    import_paths(logs, recording, options=Options(year=2026, time_zone="UTC"))
    engine = Engine(open_recording(recording))
    engine.make("findings.verdicts")
    doubtful = "select request_id from findings.verdicts where runner_up is not null order by line limit 1"
    request = engine.rows(doubtful)[0]["request_id"]
    story = json.loads(zdtrace("explain", recording, request, "-o", "json").stdout)
    assert {story["cause"]["cause"], story["runner_up"]["cause"]} == causes
    assert story["runner_up"]["weight"] < story["cause"]["weight"]
    why_not = f"{story['runner_up']['weight']:.2f} against {story['cause']['weight']:.2f}"
    assert story["why_not_runner_up"] == f"less likely by what was recorded: {why_not}"
    shown = " ".join(zdtrace("explain", recording, request).stdout.split())
    assert f"why not {story['why_not_runner_up']}" in shown
    wanted = shown.partition("WHAT WOULD DECIDE")[2]
    assert "access log with upstream addresses" in wanted
    for each in (story["cause"], story["runner_up"]):
        assert f"{each['cause']} is told by {each['told_by']}" in wanted
