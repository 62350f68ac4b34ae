"""`chaos run` with our control around an experiment, against a cluster that is none: what ends up in its journal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi, pod

from zdtrace.recording.store import open_recording

# Sends for three seconds; each tenth request fails when it is told so.
LOAD = """
import json, sys, time
for number in range(30):
    failed = sys.argv[2] == "failing" and number % 10 == 9
    with open(sys.argv[1], "a") as file:
        file.write(json.dumps({"latency": 0.001, "timestamp": time.time_ns(), "thread": 0, "iter": number,
                               "ok": not failed, "details": "502" if failed else "200"}) + "\\n")
    time.sleep(0.1)
"""
Chaos = Callable[..., tuple[subprocess.CompletedProcess[str], dict[str, Any]]]


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[Chaos]:
    """Run an experiment with the real `chaos run`; returns how it ended, and its journal."""
    with FakeApi() as fake:
        fake.put("pods", pod("demo"))
        environment = {**os.environ, "KUBECONFIG": str(fake.kubeconfig(tmp_path))}
        environment.pop("KUBERNETES_SERVICE_HOST", None)

        def run(experiment: dict[str, Any]) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
            file = tmp_path / "experiment.json"
            head = {"version": "1.0.0", "title": "Lose a pod", "description": "What is lost?"}
            file.write_text(json.dumps({**head, **experiment}))
            program = Path(sys.executable).with_name("chaos")
            done = subprocess.run(
                [program, "--no-version-check", "--log-file", tmp_path / "chaos.log", "run", file, "--journal-path",
                 tmp_path / "journal.json"],
                cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
            )
            journal = tmp_path / "journal.json"
            return done, json.loads(journal.read_text()) if journal.exists() else {}

        yield run


def load(folder: Path, how: str) -> dict[str, Any]:
    log = folder / "load.ndjson"
    return {"load": [sys.executable, "-c", LOAD, str(log), how], "requests": str(log)}


def control(folder: Path, how: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "zdtrace", "provider": {
        "type": "python", "module": "zdtrace.chaostoolkit.control",
        "arguments": {"recording": str(folder / "run.zdtrace"), "settle": 0.5, **load(folder, how), **more},
    }}]


def probe(function: str, tolerance: Any, **arguments: Any) -> dict[str, Any]:
    return {"type": "probe", "name": function, "tolerance": tolerance, "provider": {
        "type": "python", "module": "zdtrace.chaostoolkit.probes", "func": function, "arguments": arguments,
    }}


WAIT = {"type": "action", "name": "wait for the pod", "provider": {
    "type": "process", "path": sys.executable, "arguments": ["-c", "import time; time.sleep(3.5)"],
}}


def test_the_verdict_and_the_recording_are_in_the_journal(chaos: Chaos, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done, journal = chaos({"controls": control(tmp_path, "failing", report=str(report)), "method": [WAIT]})
    assert done.returncode == 0, done.stdout + done.stderr
    found = journal["zdtrace"]
    assert (found["verdict"], found["requests"]["failed"]) == ("fail", 3)
    assert found["requests"]["total"] == 30
    assert found["path"] == str(tmp_path / "run.zdtrace")
    assert open_recording(tmp_path / "run.zdtrace").files("objects")
    assert "<svg" in report.read_text()
    # What the experiment did stands in the recording, beside what came of it.
    asked = ["sql", str(tmp_path / "run.zdtrace"), "-c", "select label from recording.marks order by 1"]
    told = subprocess.run([sys.executable, "-m", "zdtrace", *asked], capture_output=True, text=True, check=True)
    assert "action: wait for the pod" in told.stdout


def test_a_steady_state_is_asked_of_the_recording_and_deviates_when_requests_were_lost(
    chaos: Chaos, tmp_path: Path
) -> None:
    hypothesis = {"title": "Nothing is lost", "probes": [probe("failed_requests", 0), probe("verdict", "pass")]}
    done, journal = chaos({
        "controls": control(tmp_path, "failing"), "steady-state-hypothesis": hypothesis, "method": [WAIT],
    })
    assert done.returncode != 0
    assert (journal["deviated"], journal["steady_states"]["before"]["steady_state_met"]) == (True, True)
    assert journal["steady_states"]["after"]["probes"][0]["output"] == 3


def test_nothing_lost_is_a_steady_state(chaos: Chaos, tmp_path: Path) -> None:
    hypothesis = {"title": "Nothing is lost", "probes": [probe("failed_ratio", {"type": "range", "range": [0, 0.001]})]}
    done, journal = chaos({
        "controls": control(tmp_path, "good"), "steady-state-hypothesis": hypothesis, "method": [WAIT],
    })
    assert (done.returncode, journal["deviated"]) == (0, False), done.stdout + done.stderr
    assert journal["zdtrace"]["requests"] == {"total": 30, "failed": 0, "near_misses": 0}


def test_actions_begin_and_end_a_recording_within_an_experiment(chaos: Chaos, tmp_path: Path) -> None:
    def action(function: str, **arguments: Any) -> dict[str, Any]:
        return {"type": "action", "name": function, "provider": {
            "type": "python", "module": "zdtrace.chaostoolkit.actions", "func": function, "arguments": arguments,
        }}

    begin = action("start_recording", recording=str(tmp_path / "own.zdtrace"), settle=0.5, **load(tmp_path, "failing"))
    done, journal = chaos({"method": [begin, WAIT, action("stop_recording")]})
    assert done.returncode == 0, done.stdout + done.stderr
    assert journal["run"][-1]["output"]["requests"]["failed"] == 3


def test_an_experiment_is_not_begun_when_nothing_could_be_recorded(chaos: Chaos, tmp_path: Path) -> None:
    (tmp_path / "run.zdtrace").mkdir()
    done, journal = chaos({"controls": control(tmp_path, "good"), "method": [WAIT]})
    assert "zdtrace cannot record" in done.stdout + done.stderr + (tmp_path / "chaos.log").read_text()
    assert journal.get("run", []) == []
