"""`zdtrace probe`: its summary, its log, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from misbehaving import misbehaving

Run = Callable[..., Any]


def test_the_summary_tells_connections_and_the_canary_apart(zdtrace: Run, tmp_path: Path) -> None:
    with misbehaving() as server:
        words = (f"{server.url}/503", "--rate", "20", "--for", "0.5s", "--canary", server.url, "--log", "x.ndjson")
        result = zdtrace("probe", *words)
    assert result.returncode == 1
    table = {line.split("  ")[0]: line.split() for line in result.stdout.splitlines()}
    assert list(table) == ["connection", "new", "reused", "canary, new", "canary, reused"]
    assert table["new"][1:3] == ["5", "5"]
    lines = [json.loads(line) for line in (tmp_path / "x.ndjson").read_text().splitlines()]
    assert len([line for line in lines if not line["is_canary"]]) == 10
    assert zdtrace("import", "x.ndjson", "--into", "x.zdtrace").returncode == 0


def test_nothing_failed_is_0_whatever_the_canary(zdtrace: Run) -> None:
    with misbehaving() as server:
        result = zdtrace("probe", server.url, "--for", "0.2s", "--canary", f"{server.url}/503")
    assert result.returncode == 0, result.stderr


PARENT = """
import os, subprocess, sys, time
words = [sys.executable, "-m", "zdtrace", "probe", sys.argv[1], "--parent", str(os.getpid())]
print(subprocess.Popen(words, stdout=subprocess.DEVNULL).pid, flush=True)
time.sleep(60)
"""


def test_it_does_not_go_on_when_who_started_it_is_killed() -> None:
    """Else an experiment that was killed would go on sending for ever."""
    with misbehaving() as server:
        words = [sys.executable, "-c", PARENT, server.url]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as parent:
            assert parent.stdout is not None
            child = Path("/proc") / parent.stdout.readline().strip()
            deadline = time.monotonic() + 30
            while not server.requests:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            parent.kill()
        while child.exists() and "State:\tZ" not in (child / "status").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_ctrl_c_ends_it_properly(tmp_path: Path) -> None:
    with misbehaving() as server:
        words = [sys.executable, "-m", "zdtrace", "probe", server.url, "--log", "x.ndjson"]
        with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
            deadline = time.monotonic() + 20
            while not server.requests:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "connection" in told
    assert (tmp_path / "x.ndjson").read_text().endswith("}\n")


@pytest.mark.parametrize(("words", "said"), [
    (("ftp://x/",), "cannot be probed"),
    (("http://x/", "--rate", "0"), "is not between 0 and"),
    (("http://x/", "--rate", "1000000"), "is not between 0 and"),
    (("http://x/", "--header", "a"), "a header is not understood"),
    (("http://x/", "--header", "Authorization: c4nary\r\nX: y"), "a header is not understood"),
    (("http://x/", "--method", "GE T"), "is no method"),
    (("http://x/", "--timeout", "0s"), "leaves no time"),
    (("http://x/", "--log", "no/such/x"), "cannot be written"),
])
def test_what_cannot_be_meant_is_refused(zdtrace: Run, words: tuple[str, ...], said: str) -> None:
    result = zdtrace("probe", *words)
    assert result.returncode == 2
    assert said in result.stderr
    assert "c4nary" not in result.stderr
    assert "Traceback" not in result.stderr
