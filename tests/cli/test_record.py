"""`zdtrace record` against a cluster that is none: from the command to the verdict's data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from fake_api import FakeApi, pod
from misbehaving import misbehaving

from zdtrace.recording.store import open_recording

SLOW_LOAD = """
import json, sys, time
for number in range(int(sys.argv[2])):
    with open(sys.argv[1], "a") as file:
        now = time.time_ns()
        file.write(json.dumps({"latency": 0.001, "timestamp": now, "thread": 0, "iter": number, "ok": True,
                               "details": "200"}) + "\\n")
    time.sleep(0.1)
sys.exit(int(sys.argv[3]))
"""


@pytest.fixture
def fake() -> Iterator[FakeApi]:
    with FakeApi() as api:
        yield api


class Program:
    """`zdtrace record` in a process of its own."""

    def __init__(self, fake: FakeApi, folder: Path) -> None:
        self.folder = folder
        self.recording = folder / "rec.zdtrace"
        self.env = {**os.environ, "KUBECONFIG": str(fake.kubeconfig(folder))}
        self.env.pop("KUBERNETES_SERVICE_HOST", None)

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "zdtrace", "record", "-o", str(self.recording), *words]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )

    def load(self, requests: int, code: int = 0) -> list[str]:
        log = self.folder / "load.ndjson"
        return ["--requests", str(log), "--", sys.executable, "-c", SLOW_LOAD, str(log), str(requests), str(code)]

    def until_recording(self) -> None:
        deadline = time.monotonic() + 20
        path = self.recording / "journal" / "cluster.ndjson"
        while not (path.is_file() and b'"listening":["' in path.read_bytes()):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def count(self, table: str) -> int:
        files = open_recording(self.recording).files(table)
        if not files:
            return 0
        with duckdb.connect() as db:
            row = db.execute("select count(*) from read_parquet($1)", [files]).fetchone()
        return int(row[0]) if row else 0


@pytest.fixture
def program(fake: FakeApi, tmp_path: Path) -> Program:
    return Program(fake, tmp_path)


def test_a_command_is_run_recorded_and_its_exit_code_is_ours(fake: FakeApi, program: Program) -> None:
    fake.put("pods", pod("demo"))
    with program.start("--after", "0s", *program.load(5, code=7)) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 7, said
    assert program.count("requests") == 5
    assert program.count("objects") >= 1
    assert not (program.recording / "journal").exists()
    assert "next: zdtrace analyze" in said


def test_our_own_load_test_and_a_canary_are_run_and_taken_in(fake: FakeApi, program: Program) -> None:
    fake.put("pods", pod("demo"))
    with misbehaving() as server:
        words = ["--probe", f"{server.url}/503", "--rate", "20", "--canary", server.url, "--for", "2s", "--after", "0s"]
        with program.start(*words) as process:
            told, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "running: " in said
    assert "zdtrace probe" in said
    assert program.count("requests") == 40
    assert program.count("canary_requests") > 5
    assert "failed" in told, "the summary is the load test's own output"


def test_a_canary_may_be_asked_beside_any_command(fake: FakeApi, program: Program) -> None:
    with misbehaving() as server:
        words = ["--canary", server.url, "--after", "0s", *program.load(15)]
        with program.start(*words) as process:
            _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert program.count("requests") == 15
    assert program.count("canary_requests") > 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_recording_properly(fake: FakeApi, program: Program, number: int) -> None:
    fake.put("pods", pod("demo"))
    with program.start() as process:
        program.until_recording()
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert program.count("objects") >= 1
    assert program.count("gaps") == 0


def test_after_kill_9_the_next_command_repairs_and_says_so(
    fake: FakeApi, program: Program
) -> None:
    fake.put("pods", pod("demo"))
    with program.start(*program.load(1000)) as process:
        program.until_recording()
        deadline = time.monotonic() + 10
        while not (program.folder / "load.ndjson").is_file():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        fake.put("pods", pod("late"))
        time.sleep(1.1)
        process.kill()
        process.wait()
    fake_load = [sys.executable, "-m", "zdtrace", "sql", str(program.recording), "-c", "from recording.gaps"]
    done = subprocess.run(fake_load, env=program.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "was not closed; repairing it" in done.stderr
    assert "sources were listening then" in done.stderr
    assert program.count("objects") >= 2
    assert program.count("requests") > 0
    assert program.count("gaps") > 5, "every source stopped listening"
    again = subprocess.run(fake_load, env=program.env, capture_output=True, text=True, check=False)
    assert "repairing" not in again.stderr


def test_a_cluster_that_does_not_answer_is_no_traceback(program: Program, fake: FakeApi) -> None:
    config = json.loads((program.folder / "kubeconfig").read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
    (program.folder / "kubeconfig").write_text(json.dumps(config))
    with program.start("--for", "1s") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "does not answer" in said
    assert "Traceback" not in said
    assert not program.recording.exists()


@pytest.mark.parametrize(("words", "said"), [
    (["--for", "soon"], "is no time"),
    (["-l", "a b"], "no label selector"),
    (["--ingress", "/x"], "not understood"),
    (["--requests", "x"], "--requests needs a command"),
    (["--for", "5s", "--", "true"], "do not go together"),
    (["--probe", "http://x/", "--", "true"], "do not go together"),
    (["--probe", "x"], "cannot be probed"),
    (["--canary", "x"], "cannot be probed"),
    (["--", "true"], "how `true` logs single requests is not known"),
])
def test_what_does_not_fit_together_is_said_before_anything_is_made(
    program: Program, words: list[str], said: str
) -> None:
    with program.start(*words) as process:
        _, text = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said in text
    assert not program.recording.exists()


def test_a_recording_that_is_there_is_not_overwritten(program: Program) -> None:
    program.recording.mkdir()
    (program.recording / "mine").write_text("x")
    with program.start("--for", "1s", "--force") as process:
        _, text = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "exists already" in text
    assert (program.recording / "mine").read_text() == "x"


def test_what_was_killed_before_it_began_is_no_recording_in_the_way(program: Program) -> None:
    program.recording.mkdir()
    (program.recording / "recording.json.new").write_text("{", encoding="utf-8")
    with program.start("--for", "1s") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert program.count("requests") == 0


def test_of_a_log_that_another_program_writes_what_it_gains_meanwhile_is_taken_in(
    fake: FakeApi, program: Program
) -> None:
    line = 'I{day} 00:00:0{second}.000000       1 proxier.go:1] "SyncProxyRules complete" elapsed="20ms"\n'
    log, day = program.folder / "kube-proxy.log", time.strftime("%m%d", time.gmtime())
    log.write_text(line.format(day=day, second=1))
    with program.start("--log", str(log), "--after", "0s", *program.load(30)) as process:
        program.until_recording()
        with log.open("a") as file:
            file.write(line.format(day=day, second=2) + line.format(day=day, second=3) + "I1127 half a li")
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert program.count("proxy_events") == 2
