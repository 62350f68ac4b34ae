"""What is added to a load command, and what is not."""

from __future__ import annotations

import signal
import stat
import sys
from pathlib import Path

import pytest

from zdtrace.collectors.load import VEGETA_RESULTS, Load, Running, decode_vegeta, prepare
from zdtrace.errors import UsageError


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which every load test is found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python3", "fortio", "k6", "vegeta", "hey", "oha", "jmeter", "locust", "wrk", "zdtrace"):
        path = folder / name
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    return tmp_path


def prepared(tools: Path, command: str) -> Load:
    return prepare(command.split(), tools, None)


@pytest.mark.parametrize(("command", "runs", "log"), [
    ("fortio load URL", "fortio load -access-log-file {0}/fortio.ndjson -access-log-format json URL", "fortio.ndjson"),
    ("k6 run a.js", "k6 run --out json={0}/k6.json a.js", "k6.json"),
    ("vegeta attack -rate 5", "vegeta attack -output {0}/vegeta.bin -rate 5", "vegeta.bin"),
    ("hey -n 5 URL", "hey -o csv -n 5 URL", "hey.csv"),
    ("oha -n 5 URL", "oha --db-url {0}/oha.sqlite -n 5 URL", "oha.sqlite"),
    ("jmeter -t plan.jmx", "jmeter -n -l {0}/jmeter.jtl -t plan.jmx", "jmeter.jtl"),
    ("locust --headless", "locust --headless -f locustfile.py,{0}/zdtrace_listener.py", "locust.csv"),
    ("zdtrace probe URL", "zdtrace probe --log {0}/probe.ndjson URL", "probe.ndjson"),
    ("python3 -m zdtrace probe URL", "python3 -m zdtrace probe --log {0}/probe.ndjson URL", "probe.ndjson"),
    ("locust -f my.py --headless", "locust --headless -f my.py,{0}/zdtrace_listener.py", "locust.csv"),
])
def test_what_is_added(tools: Path, command: str, runs: str, log: str) -> None:
    load = prepared(tools, command)
    assert " ".join(load.words) == runs.format(tools)
    assert tools / log in load.files


@pytest.mark.parametrize(("command", "log"), [
    ("fortio load -access-log-file my.log URL", "my.log"),
    ("fortio load --access-log-file=my.log URL", "my.log"),
    ("k6 run --out json=my.json a.js", "my.json"),
    ("k6 run --out cloud -o csv=my.csv a.js", "my.csv"),
    ("oha --db-url my.sqlite URL", "my.sqlite"),
    ("jmeter -n -t plan.jmx -l my.jtl", "my.jtl"),
    ("zdtrace probe URL --log my.ndjson", "my.ndjson"),
])
def test_what_the_user_said_stays(tools: Path, command: str, log: str) -> None:
    load = prepared(tools, command)
    assert list(load.words) == command.split()
    assert Path(log) in load.files


def test_vegetas_own_output_is_decoded_afterwards(tools: Path) -> None:
    load = prepared(tools, "vegeta attack -output my.bin")
    assert load.files == {Path("my.bin"): VEGETA_RESULTS}


def test_any_other_command_may_name_its_log(tools: Path) -> None:
    load = prepare(["wrk", "URL"], tools, tools / "wrk.csv")
    assert load.words == ("wrk", "URL")
    assert list(load.files) == [tools / "wrk.csv"]


@pytest.mark.parametrize(("command", "words"), [
    ("wrk URL", "how `wrk` logs single requests is not known"),
    ("nothing-like-it URL", "no command `nothing-like-it`"),
    ("zdtrace import x", "`zdtrace` is known with `probe` only"),
    ("fortio server", "`fortio` is known with `load` only"),
    ("hey -o json URL", "logs no single requests"),
])
def test_a_command_whose_requests_nobody_logs_is_refused(tools: Path, command: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        prepared(tools, command)


def python(code: str, copies: Path | None = None) -> Load:
    return Load(words=(sys.executable, "-c", code), files={}, saves_stdout=copies)


def test_output_and_exit_code_are_passed_through(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    running = Running(python("print('told'); raise SystemExit(7)"))
    assert running.wait(10) == 7
    assert capfdbinary.readouterr().out == b"told\n"


def test_a_copy_is_kept_of_what_is_printed(tmp_path: Path) -> None:
    running = Running(python("print('a,b')", tmp_path / "copy"))
    assert running.wait(10) == 0
    assert (tmp_path / "copy").read_bytes() == b"a,b\n"


def test_a_command_that_a_signal_ends_says_so_as_a_shell_does() -> None:
    running = Running(python("import time; time.sleep(60)"))
    assert running.wait(0.1) is None
    running.tell(signal.SIGTERM)
    assert running.wait(10) == 128 + signal.SIGTERM


def test_vegeta_may_be_gone_or_fail_and_its_results_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, log = tmp_path / "vegeta.bin", tmp_path / "vegeta.json"
    monkeypatch.setenv("PATH", str(tmp_path))
    by_hand = f"vegeta encode -to json -output vegeta.json {results}"
    assert f"run `{by_hand}` where it is" in str(decode_vegeta(results, log, None))
    vegeta = tmp_path / "vegeta"
    vegeta.write_text("#!/bin/sh\necho no such file >&2\nexit 1\n", encoding="utf-8")
    vegeta.chmod(0o755)
    assert decode_vegeta(results, log, None) == f"`{by_hand}` failed: no such file"
