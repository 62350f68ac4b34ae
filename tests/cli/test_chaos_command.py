"""`zdtrace chaos` as its users type it, on a cluster that can be changed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_cluster import FakeCluster

from zdtrace.cli.app import CHAOS, Entry, make_group

Run = Callable[..., subprocess.CompletedProcess[str]]
every_command = pytest.mark.parametrize("entry", CHAOS, ids=[each.name for each in CHAOS])


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with FakeCluster() as found:
        found.deploy("demo")
        yield found


@pytest.fixture
def chaos(fake: FakeCluster, zdtrace: Run, tmp_path: Path) -> Run:
    kubeconfig = str(fake.kubeconfig(tmp_path))
    return lambda *words, **how: zdtrace("chaos", *words, env={"KUBECONFIG": kubeconfig, **how.pop("env", {})})


def write(folder: Path, **rest: Any) -> str:
    found = {
        "zdtrace": 1, "name": "up", "target": {"workload": "deployment/demo", "namespace": "shop"},
        "actions": [{"scale": {"by": 2, "pause": "0.2s"}}], "steadyState": {"for": "0.2s"}, "observe": "0.2s",
        "safety": {"namespaces": ["shop"]}, "abort": {"apiLostFor": "5s"}, **rest,
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(found), encoding="utf-8")
    return "experiment.yaml"


def changes(fake: FakeCluster) -> list[tuple[str, str]]:
    return [each for each in fake.writes if "/leases" not in each[1] and "/events" not in each[1]]


@every_command
def test_help_ends_with_an_example_that_the_parser_takes(entry: Entry, zdtrace: Run) -> None:
    result = zdtrace("chaos", entry.name, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: zdtrace chaos {entry.name} ")
    program, group, name, *words = shlex.split(result.stdout.rstrip().rpartition("\n")[2])
    assert (program, group, name) == ("zdtrace", "chaos", entry.name)
    section = make_group().commands["chaos"].load()  # type: ignore[attr-defined]
    assert (section.commands[name].load().help or "").startswith(entry.summary)
    section.commands[name].make_context(name, words)


def test_the_file_that_init_writes_can_be_planned_at_once(chaos: Run, tmp_path: Path) -> None:
    assert chaos("init", "e.yaml", "-n", "shop", "--url", "http://demo/").returncode == 0
    again = chaos("init", "e.yaml")
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    planned = chaos("plan", "e.yaml")
    assert planned.returncode == 2
    assert "REFUSED deployment/demo is not opted in" in planned.stdout


def test_a_plan_names_victims_changes_and_what_to_expect_and_writes_nothing(
    chaos: Run, fake: FakeCluster, tmp_path: Path
) -> None:
    file = write(tmp_path, actions=[{"scale": {"by": 2}}, "deletePods"])
    result = chaos("plan", file, "--seed", "7")
    assert (result.returncode, result.stderr) == (0, "")
    assert "changes deployment/demo spec.replicas: 3 -> 5" in result.stdout
    assert "ends    pod/demo-" in result.stdout
    assert "expect  2 of 3 ready pods go on serving" in result.stdout
    assert result.stdout == chaos("plan", file, "--seed", "7").stdout
    found = json.loads(chaos("plan", file, "-o", "json").stdout)
    assert [each["action"] for each in found["steps"]] == ["scale", "deletePods"]
    assert fake.writes == []


def test_a_run_without_yes_is_a_dry_run(chaos: Run, fake: FakeCluster, tmp_path: Path) -> None:
    result = chaos("run", write(tmp_path))
    assert (result.returncode, "add --yes to do it" in result.stderr) == (0, True)
    assert fake.writes == []
    assert not (tmp_path / "chaos-runs").exists()


def test_a_run_leaves_a_recording_a_page_a_history_figures_and_a_closed_journal(
    chaos: Run, fake: FakeCluster, tmp_path: Path
) -> None:
    before = fake.one("deployments", "demo")["spec"]
    result = chaos("run", write(tmp_path), "--yes", "--textfile", "z.prom")
    found = json.loads(result.stdout)
    assert (found["state"], found["verdict"], result.returncode) == ("finished", "inconclusive", 3), result.stderr
    home = tmp_path / "chaos-runs"
    assert sorted(each.suffix for each in home.iterdir()) == [".html", ".html", ".journal", ".ndjson", ".zdtrace"]
    assert "zdtrace_chaos_last_run_undone" in (tmp_path / "z.prom").read_text()
    assert fake.one("deployments", "demo")["spec"] == before
    listed = chaos("list")
    assert listed.returncode == 0
    assert "finished" in listed.stdout
    undone = chaos("undo", found["journal"])
    assert (undone.returncode, undone.stderr) == (0, "nothing is left to undo\n")


def test_after_kill_9_list_names_the_journal_and_undo_puts_everything_back(
    chaos: Run, fake: FakeCluster, tmp_path: Path
) -> None:
    before = fake.one("deployments", "demo")["spec"]
    file = write(tmp_path, actions=[{"scale": {"by": 2, "pause": "60s"}}])
    environment = {**os.environ, "KUBECONFIG": str(fake.kubeconfig(tmp_path))}
    words = [sys.executable, "-m", "zdtrace", "chaos", "run", file, "--yes"]
    said = tmp_path / "said.txt"
    with (
        said.open("wb") as stderr,
        subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=stderr) as process,
    ):
        deadline = time.monotonic() + 60
        while fake.one("deployments", "demo")["spec"]["replicas"] == 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running = chaos("list")
        (journal,) = (tmp_path / "chaos-runs").glob("*.journal")
        busy = chaos("undo", str(journal))
        # Nobody takes the lease away from an experiment that runs: it would abort.
        assert not [each for each in fake.writes if each[0] == "DELETE" and "/leases" in each[1]]
        process.send_signal(signal.SIGKILL)
    assert "running" in running.stdout
    assert (busy.returncode, "still runs" in busy.stderr) == (2, True)
    listed = chaos("list")
    assert listed.returncode == 1, said.read_text(encoding="utf-8")
    assert "cut off" in listed.stdout
    assert f"not undone: zdtrace chaos undo chaos-runs/{journal.name}" in listed.stderr
    dry = chaos("undo", str(journal), "--dry-run")
    assert (dry.returncode, "spec.replicas: 3 -> 5" in dry.stderr) == (1, True)
    undone = chaos("undo", str(journal))
    assert undone.returncode == 0
    assert fake.one("deployments", "demo")["spec"] == before
    assert chaos("list").returncode == 0


def test_a_schedule_goes_on_after_a_refusal_and_ends_at_its_end(chaos: Run, fake: FakeCluster, tmp_path: Path) -> None:
    file = write(tmp_path, safety={})
    result = chaos("run", file, "--yes", "--every", "2s", "--until", "20s")
    assert result.returncode == 0
    assert result.stderr.count("error: the experiment is refused") >= 2
    assert fake.writes == []


@pytest.mark.parametrize("words", [
    ("plan", "none.yaml"), ("run", "none.yaml", "--yes"), ("undo", "none.journal"), ("list", "nowhere"),
    ("run", "none.yaml", "--jitter", "5m"), ("run", "none.yaml", "--webhook", "no address"),
])
def test_wrong_use_is_2_with_words(words: tuple[str, ...], chaos: Run) -> None:
    result = chaos(*words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")


def test_a_workload_that_is_not_there_is_an_error_of_the_cluster(chaos: Run, tmp_path: Path) -> None:
    result = chaos("plan", write(tmp_path, target={"workload": "deployment/none", "namespace": "shop"}))
    assert result.returncode == 4
    assert "reading deployment/none failed" in result.stderr


def test_planning_imports_nothing_heavy_for_its_help() -> None:
    code = "from zdtrace.cli.app import run; run(['zdtrace', 'chaos', 'run', '--help'])\nimport sys\n"
    code += "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"duckdb", "polars", "altair", "kubernetes"} & set(result.stderr.split())
