"""Whatever ends the recorder, what it had seen a second before is there, and the recording opens."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster, end, until
from recordings import in_table

from zdtrace.recording import journal
from zdtrace.recording.store import open_recording
from zdtrace.sessions import closing

TIMES = 100
SECOND_NS = 1_000_000_000
NAMESPACE = "zdtrace-crash"

# Records again and again, each time in a process of its own: the seconds that Python takes to begin are spent once.
NURSERY = """
import os, sys
import zdtrace.cli.recording, zdtrace.sessions.session, zdtrace.collectors.recorder, zdtrace.importers
import kubernetes.client, duckdb
from zdtrace.cli import main
for line in sys.stdin:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        sys.argv = ["zdtrace", *line.split()]
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os._exit(main() or 0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture(scope="module")
def services(cluster: Cluster) -> Iterator[str]:
    """A namespace with a few Services that are changed without end; returns its name."""
    cluster.run("kubectl", "create", "namespace", NAMESPACE, check=False)
    for name in ("svc-0", "svc-1", "svc-2"):
        cluster.run("kubectl", "-n", NAMESPACE, "create", "service", "clusterip", name, "--tcp=80", check=False)
    yield NAMESPACE
    cluster.run("kubectl", "delete", "namespace", NAMESPACE, "--wait=false")


@contextmanager
def changes(cluster: Cluster, file: Path) -> Iterator[None]:
    """Change the Services some forty times a second, and watch them independently."""
    path = f"/api/v1/namespaces/{NAMESPACE}/services"
    with cluster.watching(file, "api", cluster.kubeconfig, path):
        busy = cluster.start(sys.executable, Path(__file__).with_name("change.py"), cluster.kubeconfig, path, "40")
        try:
            yield
        finally:
            end(busy)


@pytest.mark.long
def test_a_hundred_times_kill_9_at_any_moment(cluster: Cluster, services: str, tmp_path: Path) -> None:
    """Also while it lists at first, and while it makes its tables in the end."""
    moments = random.Random(20_261)  # noqa: S311 - the same moments each time
    truth = tmp_path / "watch.ndjson"
    kills: list[tuple[Path, int]] = []
    with changes(cluster, truth):
        how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": tmp_path}
        with cluster.start(sys.executable, "-c", NURSERY, **how) as nursery:
            orders, answers = nursery.stdin, nursery.stdout
            assert orders is not None
            assert answers is not None
            for number in range(TIMES):
                folder = tmp_path / f"{number}.zdtrace"
                orders.write(f"record -n {services} --all --for 1.5s -o {folder}\n")
                orders.flush()
                child = answers.readline().strip()
                if number % 10:
                    # Most of them while it listens or closes, however long it takes to begin on a busy machine.
                    until(lambda folder=folder: (folder / "journal").exists(), 60)  # type: ignore[misc]
                time.sleep(moments.uniform(0.0, 3.0))
                subprocess.run(["kill", "-9", child], check=False, capture_output=True)
                kills.append((folder, time.time_ns()))
                answers.readline()
    written = [json.loads(line) for line in truth.read_text().splitlines()]
    assert len(written) > TIMES * 10, "nothing happened that could be missed"
    found = [_check(*kill, written) for kill in kills]
    assert found.count("cut off while listening") > TIMES // 4, found
    assert found.count("cut off while closing") > 0, found


def _check(folder: Path, killed_at_ns: int, written: list[dict[str, Any]]) -> str:
    """Open a recording whose recorder was killed, and compare it with the independent watch; returns when that was."""
    if not (folder / "recording.json").is_file():
        # Not even its first manifest was whole: nothing can have been seen, and the next one may have the name.
        found = {path.name for path in folder.rglob("*")}
        assert found <= {"recording.json.new"}, "there is something, and no way to open it"
        return "killed before it began"
    was_cut = journal.is_unfinished(folder)
    closed_at_ns = _closed_at_ns(folder) if was_cut else None
    if was_cut:
        closing.repair(folder, print)
    open_recording(folder)
    rows = in_table(folder, "objects", "kind, event_type, resource_version")
    services = [(event_type, int(version)) for kind, event_type, version in rows if kind == "Service"]
    if not services:
        return "killed before it listened"
    versions = {version for _, version in services}
    listed = max(version for event_type, version in services if event_type == "LISTED")
    missed = [each for each in written if each["version"] > listed and each["version"] not in versions]
    # It listened until it was killed or closed, whatever came first; when it closed by itself, to what it saw last.
    if was_cut:
        until_ns = (closed_at_ns or killed_at_ns) - SECOND_NS
        assert [each for each in missed if each["seen_at_ns"] < until_ns] == [], (folder, until_ns)
    assert [each for each in missed if each["version"] < max(versions)] == [], f"a hole in {folder}"
    if not was_cut:
        return "closed before"
    return "cut off while closing" if closed_at_ns else "cut off while listening"


def _closed_at_ns(folder: Path) -> int | None:
    """Return when a journal was closed; null when it was not."""
    last = (folder / journal.FOLDER / journal.CLUSTER).read_bytes().splitlines()[-1:]
    try:
        found = json.loads(last[0])
    except (ValueError, IndexError):
        return None
    return int(found["seen_at_ns"]) if "closed" in found else None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", folder], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("only root makes a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_it_cleanly_and_all_before_is_there(
    cluster: Cluster, services: str, small_disk: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "watch.ndjson"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2_500 << 10))
    folder = small_disk / "full.zdtrace"
    with changes(cluster, truth):
        began = time.monotonic()
        said = cluster.zdtrace("record", "-n", services, "--all", "--for", "80s", "-o", folder, check=False)
        assert time.monotonic() - began < 75, "it went on though nothing could be written"
    assert said.returncode == 2, said.stderr
    assert "No space left on device; what was seen after" in said.stderr
    assert "Traceback" not in said.stderr
    # Nothing can be repaired while the disk is full: that is said, and nothing is lost by trying.
    still = cluster.zdtrace("analyze", folder, check=False)
    assert "Traceback" not in still.stderr
    assert still.returncode == 2, still.stderr
    ballast.unlink()
    opened = cluster.zdtrace("analyze", folder, check=False)
    assert "repairing it" in still.stderr + opened.stderr
    rows = in_table(folder, "objects", "kind, resource_version")
    versions = {int(version) for kind, version in rows if kind == "Service"}
    assert len(versions) > 50, opened.stderr
    written = [json.loads(line)["version"] for line in truth.read_text().splitlines()]
    since, until = min(versions & set(written)), max(versions)
    assert [version for version in written if since <= version <= until and version not in versions] == []
    gaps = in_table(folder, "gaps", "subject, reason, until_ns")
    assert ("services", "the recorder was cut off", None) in gaps
