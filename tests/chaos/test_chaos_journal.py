"""What is about to be done is on the disk first; what a journal tells can be undone, whatever ended its writer."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fake_cluster import FakeCluster

from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.journal import ActionJournal, Header, JournalError, Plan, is_running, journals, read_journal
from zdtrace.chaos.undoing import undo


def quiet(_: str) -> None: ...


FIRST = (
    '{"zdtrace_chaos": 1, "at": "", "id": "", "experiment": "", "server": "", '
    '"target": {"kind": "KIND", "name": "NAME"}}\n'
)


def header(cluster: Cluster, demo: Ref) -> Header:
    return Header(id="run-1", experiment="scale-up", target=demo, server=cluster.api.server)


def scale(cluster: Cluster, demo: Ref, replicas: int) -> Plan:
    return Plan(action="scale", edits=(cluster.prepare(demo, {"spec": {"replicas": replicas}}),))


def scaled(folder: Path, cluster: Cluster, demo: Ref) -> Path:
    """Scale to 5 as an experiment does that ends before it can undo; return its journal."""
    path = folder / "run-1.journal"
    with ActionJournal(path, header(cluster, demo)) as journal:
        plan = scale(cluster, demo, 5)
        journal.begin(plan)
        cluster.apply(plan.edits[0])
    return path


def test_a_journal_tells_what_was_begun_and_how_it_ended(
    fake: FakeCluster, cluster: Cluster, demo: Ref, tmp_path: Path
) -> None:
    fake.deploy("demo")
    path = tmp_path / "run-1.journal"
    with ActionJournal(path, header(cluster, demo)) as journal:
        step = journal.begin(scale(cluster, demo, 5))
        journal.did(step, "on the way")
        journal.end(step)
        journal.close()
    story = read_journal(path)
    assert (story.header.experiment, story.header.target, story.closed) == ("scale-up", demo, "finished")
    assert [(each.number, each.plan.action, each.ended) for each in story.steps] == [(1, "scale", "done")]
    assert path.stat().st_mode & 0o777 == 0o600
    assert journals(tmp_path) == [path]


def test_a_writer_that_was_killed_is_undone_from_its_journal(
    fake: FakeCluster, cluster: Cluster, demo: Ref, tmp_path: Path
) -> None:
    before = fake.deploy("demo")["spec"]
    path = tmp_path / "run-1.journal"
    code = """
import os, signal, sys
from pathlib import Path
from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.journal import ActionJournal, Header, Plan
from zdtrace.collectors.api import Access, connect
cluster = Cluster(connect(Access(kubeconfig=sys.argv[1])))
demo = Ref(kind="Deployment", name="demo", namespace="shop")
journal = ActionJournal(Path(sys.argv[2]), Header(id="r", experiment="e", target=demo, server=cluster.api.server))
edit = cluster.prepare(demo, {"spec": {"replicas": 5}})
journal.begin(Plan(action="scale", edits=(edit,)))
cluster.apply(edit)
os.kill(os.getpid(), signal.SIGKILL)
"""
    kubeconfig = str(fake.kubeconfig(tmp_path))
    done = subprocess.run([sys.executable, "-c", code, kubeconfig, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert fake.one("deployments", "demo")["spec"]["replicas"] == 5
    assert read_journal(path).closed == ""
    assert [each.state for each in undo(path, cluster, quiet)] == ["restored"]
    assert fake.one("deployments", "demo")["spec"] == before
    assert read_journal(path).closed == "undone"
    assert undo(path, cluster, quiet) == ()


def test_a_line_that_broke_off_was_never_acted_upon(
    fake: FakeCluster, cluster: Cluster, demo: Ref, tmp_path: Path
) -> None:
    fake.deploy("demo")
    path = tmp_path / "run-1.journal"
    with ActionJournal(path, header(cluster, demo)) as journal:
        journal.begin(scale(cluster, demo, 5))
    whole = path.read_bytes()
    path.write_bytes(whole + whole.split(b"\n")[1][:40])
    assert [each.number for each in read_journal(path).steps] == [1]
    assert [each.state for each in undo(path, cluster, quiet)] == ["as before"]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_what_somebody_has_overwritten_keeps_the_journal_open_until_forced(
    fake: FakeCluster, cluster: Cluster, demo: Ref, tmp_path: Path
) -> None:
    fake.deploy("demo")
    path = scaled(tmp_path, cluster, demo)
    cluster.api.change("PATCH", demo.path, {"spec": {"replicas": 7}}, content_type="application/merge-patch+json")
    assert [each.state for each in undo(path, cluster, quiet)] == ["overwritten"]
    assert read_journal(path).closed == ""
    assert [each.state for each in undo(path, cluster, quiet, is_forced=True)] == ["restored"]
    assert (fake.one("deployments", "demo")["spec"]["replicas"], read_journal(path).closed) == (3, "undone")


def test_an_experiment_that_still_runs_is_not_undone(
    fake: FakeCluster, cluster: Cluster, demo: Ref, tmp_path: Path
) -> None:
    path = tmp_path / "run-1.journal"
    with ActionJournal(path, header(cluster, demo)):
        assert is_running(path)
        with pytest.raises(JournalError, match="still runs"):
            undo(path, cluster, quiet)
    assert not is_running(path)


def test_who_only_looks_whether_it_runs_does_not_keep_it_from_being_undone(
    fake: FakeCluster, cluster: Cluster, demo: Ref, tmp_path: Path
) -> None:
    """`zdtrace chaos list` at the same moment."""
    fake.deploy("demo")
    path = scaled(tmp_path, cluster, demo)
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.05, os.close, (looking,)).start()
    assert [each.state for each in undo(path, cluster, quiet)] == ["restored"]


def test_a_journal_of_another_cluster_is_refused(cluster: Cluster, demo: Ref, tmp_path: Path) -> None:
    path = tmp_path / "run-1.journal"
    with ActionJournal(path, Header(id="r", experiment="e", target=demo, server="https://production")):
        pass
    with pytest.raises(JournalError, match="tells of https://production"):
        undo(path, cluster, quiet)


def test_undoing_waits_for_an_api_server_that_comes_back(
    fake: FakeCluster, cluster: Cluster, demo: Ref, tmp_path: Path
) -> None:
    fake.deploy("demo")
    path = scaled(tmp_path, cluster, demo)
    fake.broken_answers = 2
    said: list[str] = []
    assert [each.state for each in undo(path, cluster, said.append)] == ["restored"]
    assert len(said) == 2


@pytest.mark.parametrize("text", [
    "", "\n", "no json\n", "[]\n", '{"zdtrace_chaos": 1}\n', '{"zdtrace_chaos": 2}\n',
    FIRST.replace("KIND", "Secret"), FIRST.replace("KIND", "Pod").replace("NAME", "../../x"),
    FIRST.replace("KIND", "Pod") + '{"step": 1, "ends": "done"}\n',
])
def test_what_is_no_journal_is_refused_with_words(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.journal"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(JournalError):
        read_journal(path)


def test_nothing_is_begun_on_a_full_disk(cluster: Cluster, demo: Ref, tmp_path: Path) -> None:
    with ActionJournal(tmp_path / "run-1.journal", header(cluster, demo)) as journal:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, journal._handle)
        os.close(full)
        with pytest.raises(JournalError, match="No space left"):
            journal.begin(Plan(action="scale"))
