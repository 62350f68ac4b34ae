"""`zdtrace import`: what it says, where, and how it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from zdtrace.cli.app import run
from zdtrace.cli.importing import _instant_ns
from zdtrace.errors import UsageError
from zdtrace.recording.store import open_recording

SAMPLES = Path(__file__).parents[1] / "samples"
PODS = SAMPLES / "cluster" / "watch-pods.ndjson"
SERVICES = SAMPLES / "cluster" / "watch-services.ndjson"


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Zdtrace = Callable[..., Answer]


@pytest.fixture
def zdtrace(capsys: pytest.CaptureFixture[str]) -> Zdtrace:
    def call(*words: object) -> Answer:
        code = run(["zdtrace", "import", *map(str, words)])
        return Answer(code, *capsys.readouterr())

    return call


def test_stderr_says_what_each_file_is_and_stdout_nothing(zdtrace: Zdtrace, tmp_path: Path) -> None:
    answer = zdtrace(PODS, SERVICES, "--into", tmp_path / "r.zdtrace")
    assert (answer.code, answer.out) == (0, "")
    assert f"{PODS}: watch events with their arrival: 6 objects" in answer.err
    assert f"{SERVICES}: watch events with their arrival: 2 objects" in answer.err


def test_the_report_on_stdout_is_json_and_nothing_else(zdtrace: Zdtrace, tmp_path: Path) -> None:
    answer = zdtrace(PODS, "--into", tmp_path / "r.zdtrace", "-o", "json")
    file, = json.loads(answer.out)["files"]
    assert (file["result"], file["rows_kept"], file["skipped"]) == ("taken", 6, 1)


def test_what_was_left_out_is_said_and_the_rest_is_in(zdtrace: Zdtrace, tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary,\n")
    answer = zdtrace(diary, PODS, "--into", tmp_path / "r.zdtrace")
    assert answer.code == 2
    assert f"{diary}: unknown: no known format" in answer.err
    assert "1 of 2 files left out" in answer.err
    assert "hint: name it with --format" in answer.err
    assert len(open_recording(tmp_path / "r.zdtrace").manifest.sources) == 1


def test_lines_that_could_not_be_read_are_counted_with_their_reason(zdtrace: Zdtrace, tmp_path: Path) -> None:
    torn = tmp_path / "torn.ndjson"
    torn.write_bytes(PODS.read_bytes()[:-100])
    answer = zdtrace(torn, "--into", tmp_path / "r.zdtrace")
    assert answer.code == 0
    assert "5 objects, 1 rejects" in answer.err
    assert "1 rejected: not JSON, or cut off" in answer.err


def test_columns_describe_what_nobody_knows_and_only_that(zdtrace: Zdtrace, tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("ts,took,code\n1795451181000,4,200\n1795451182000,9,502\n")
    columns = "start=ts:epoch_ms,latency=took:ms,status=code"
    answer = zdtrace(table, PODS, "--into", tmp_path / "r.zdtrace", "--columns", columns)
    assert answer.code == 0
    assert "own.csv: any CSV, NDJSON or Parquet (--columns): 2 requests" in answer.err
    assert "6 objects" in answer.err


def test_columns_that_nothing_needed_are_not_ignored_quietly(zdtrace: Zdtrace, tmp_path: Path) -> None:
    columns = "start=ts:epoch_ms,latency=took:ms,status=code"
    answer = zdtrace(PODS, "--into", tmp_path / "r.zdtrace", "--columns", columns)
    assert "note: --columns was not used" in answer.err


def test_the_same_file_twice_is_told_and_no_failure(zdtrace: Zdtrace, tmp_path: Path) -> None:
    zdtrace(PODS, "--into", tmp_path / "r.zdtrace")
    answer = zdtrace(PODS, "--into", tmp_path / "r.zdtrace")
    assert answer.code == 0
    assert "in the recording already, as `watch-pods.ndjson`" in answer.err


def test_an_empty_folder_is_nothing_to_import(zdtrace: Zdtrace, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answer = zdtrace(tmp_path / "empty", "--into", tmp_path / "r.zdtrace")
    assert (answer.code, answer.err) == (2, "nothing to import: no files found\n")


def test_a_name_with_escape_sequences_cannot_write_on_the_terminal(zdtrace: Zdtrace, tmp_path: Path) -> None:
    evil = tmp_path / "a\x1b[2Jb\n.log"
    evil.write_text("Dear diary,\n")
    answer = zdtrace(evil, "--into", tmp_path / "r.zdtrace")
    assert "\x1b" not in answer.err
    assert "b\n.log" not in answer.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--format", "no-such"], "no format is called `no-such`"),
        (["--columns", "start"], "`start` is no NAME=COLUMN"),
        (["--columns", "start=a,start=b"], "names `start` twice"),
        (["--columns", ""], "is no NAME=COLUMN"),
        (["--columns", "start=ts,latency=took:ms,status=code"], "the unit is missing or unknown"),
        (["--started-at", "yesterday"], "`--started-at yesterday` is no time"),
        (["--started-at", "2026-11-23T16:17:03"], "has no zone"),
        (["--started-at", "2026-13-23T16:17:03Z"], "is no time"),
        (["--started-at", "1999-12-31T00:00:00Z"], "outside 2000 to 2100"),
        (["--time-zone", "Mars/Olympus"], "no time zone is called `Mars/Olympus`"),
        (["--time-zone", "../etc/passwd"], "no time zone is called"),
        (["--year", "26"], "`--year 26` is outside 2000 to 2099"),
        (["--clock", "sundial"], "`--clock sundial` is no clock we know"),
        (["--keep", "everything"], "`--keep everything` is not understood"),
        (["--drop", "a[0]"], "`--drop a[0]` is not understood"),
    ],
)
def test_an_option_that_means_nothing_is_an_error_and_nothing_is_made(
    zdtrace: Zdtrace, tmp_path: Path, words: list[str], problem: str
) -> None:
    answer = zdtrace(PODS, "--into", tmp_path / "r.zdtrace", *words)
    assert answer.code == 2
    assert problem in answer.err
    assert "hint: " in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "r.zdtrace").exists()


def test_something_else_of_that_name_is_not_overwritten(zdtrace: Zdtrace, tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("precious")
    answer = zdtrace(PODS, "--into", thesis)
    assert answer.code == 2
    assert "exists already" in answer.err
    assert thesis.read_text() == "precious"


def test_help_ends_with_a_command_that_can_be_pasted(zdtrace: Zdtrace) -> None:
    answer = zdtrace("--help")
    assert answer.code == 0
    last = answer.out.strip().splitlines()[-1].strip()
    assert last.startswith("zdtrace import ")
    options = set(re.findall(r"--[a-z-]+", answer.out))
    assert set(re.findall(r"--[a-z-]+", last)) <= options


@pytest.mark.parametrize(
    ("text", "zone", "at_ns"),
    [
        ("1795451181", None, 1_795_451_181_000_000_000),
        ("1795451181.25", None, 1_795_451_181_250_000_000),
        ("1795451181250", None, 1_795_451_181_250_000_000),
        ("1795451181250000001", None, 1_795_451_181_250_000_001),
        ("2026-11-23T16:26:21Z", None, 1_795_451_181_000_000_000),
        ("2026-11-23T16:26:21.123456789Z", None, 1_795_451_181_123_456_789),
        ("2026-11-23 17:26:21,5+01:00", None, 1_795_451_181_500_000_000),
        ("2026-11-23T17:26:21", "Europe/Berlin", 1_795_451_181_000_000_000),
        ("2026-11-23T18:26:21", "+02:00", 1_795_451_181_000_000_000),
    ],
)
def test_the_start_of_a_run_is_read_to_the_nanosecond(text: str, zone: str | None, at_ns: int) -> None:
    assert _instant_ns(text, zone) == at_ns


def test_a_number_that_is_no_instant_is_refused() -> None:
    with pytest.raises(UsageError):
        _instant_ns("42", None)
