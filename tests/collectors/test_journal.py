"""What was seen a second ago survives `kill -9`, and a repair says what it did."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from zdtrace.recording import journal
from zdtrace.recording.journal import CLUSTER, Journal, seal

ENDLESS = """
import sys, time
from pathlib import Path
from zdtrace.recording.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.listens("pods")
print("began", flush=True)
number = 0
while True:
    number += 1
    journal.saw(time.time_ns(), "MODIFIED", '{"kind":"Pod","number":%d}' % number)
    time.sleep(0.001)
"""


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal" / CLUSTER).read_bytes().splitlines()]


def test_kill_9_loses_nothing_older_than_a_second(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(2.0)
        killed_at_ns = time.time_ns()
        os.kill(process.pid, signal.SIGKILL)
    sealed = seal(tmp_path)
    assert sealed is not None
    seen = [each for each in lines(tmp_path) if "object" in each]
    numbers = [each["object"]["number"] for each in seen]
    assert numbers == list(range(1, len(numbers) + 1)), "one is missing in between"
    last_ns = seen[-1]["seen_at_ns"]
    assert isinstance(last_ns, int)
    assert killed_at_ns - last_ns < 1_000_000_000
    assert sealed.listening == ("pods",)
    gap = next(each["gap"] for each in lines(tmp_path) if "gap" in each)
    assert gap["until_ns"] is None


def test_a_recorder_that_was_stopped_for_some_time_says_since_when(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        stopped_at_ns = time.time_ns()
        time.sleep(3.0)
        resumed_at_ns = time.time_ns()
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(1.5)
        os.kill(process.pid, signal.SIGKILL)
    seal(tmp_path)
    gaps = [each["gap"] for each in lines(tmp_path) if "gap" in each]
    gap = next(each for each in gaps if each["subject"] == "all sources")
    assert gap["from_ns"] <= stopped_at_ns
    assert gap["until_ns"] >= resumed_at_ns


def test_half_a_line_is_cut_and_told(tmp_path: Path) -> None:
    whole = Journal(tmp_path)
    whole.saw(time.time_ns(), "ADDED", "{}")
    whole.close("told to")
    path = tmp_path / "journal" / CLUSTER
    data = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(data[:2]) + b'{"seen_at_ns":17950')
    sealed = seal(tmp_path)
    assert sealed is not None
    assert sealed.cut_bytes == 19
    assert "19 bytes" in sealed.words
    assert [next(iter(each.keys() - {"seen_at_ns"})) for each in lines(tmp_path)][-1] == "closed"


def test_a_whole_journal_needs_no_repair(tmp_path: Path) -> None:
    Journal(tmp_path).close("told to")
    before = (tmp_path / "journal" / CLUSTER).read_bytes()
    assert seal(tmp_path) is None
    assert (tmp_path / "journal" / CLUSTER).read_bytes() == before


def test_repairing_twice_is_repairing_once(tmp_path: Path) -> None:
    whole = Journal(tmp_path)
    whole.listens("pods")
    whole.note(listening=["pods"])
    whole.flush()
    assert seal(tmp_path) is not None
    once = (tmp_path / "journal" / CLUSTER).read_bytes()
    assert seal(tmp_path) is None
    assert (tmp_path / "journal" / CLUSTER).read_bytes() == once
    whole.close("told to")


def test_a_full_disk_ends_the_journal_without_a_word_lost_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Journal(tmp_path)
    whole.saw(1, "ADDED", '{"number":1}')
    whole.flush()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    whole.flush()
    assert whole.failed.is_set()
    assert whole.failure is not None
    assert whole.failure.errno == errno.ENOSPC
    whole.saw(2, "ADDED", '{"number":2}')
    monkeypatch.undo()
    whole.close("told to")
    assert [each["object"]["number"] for each in lines(tmp_path) if "object" in each] == [1]
    assert journal.files(tmp_path) == [tmp_path / "journal" / CLUSTER]
