"""`zdtrace sql`: DuckDB on a recording, which nothing that is asked can change."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zdtrace.analysis.asking import Console
from zdtrace.analysis.catalog import library
from zdtrace.errors import QueryError
from zdtrace.recording.store import open_recording

Run = Callable[..., subprocess.CompletedProcess[str]]
COUNTS = "select cause, count(*) as failed from findings.verdicts group by cause order by cause"


@pytest.fixture(scope="module")
def console(rollout: Path) -> Console:
    return Console(open_recording(rollout))


@pytest.fixture
def untouched(rollout: Path) -> Iterator[None]:
    """Hold that a recording is the same afterwards, to the byte."""
    before = _digests(rollout)
    yield
    assert _digests(rollout) == before


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()
    }


def test_every_view_of_the_library_is_there_with_its_words(zdtrace: Run, rollout: Path) -> None:
    views = zdtrace("sql", rollout, "-o", "csv", "-c", (
        "select schema_name || '.' || view_name as name, comment from duckdb_views() where not internal "
        "union all select schema_name || '.' || table_name, comment from duckdb_tables()"
    ))
    found = {row["name"]: row["comment"] for row in csv.DictReader(io.StringIO(views.stdout))}
    wanted = {query.full_name: query.summary for query in library().values() if not query.is_macro}
    assert {name: found.get(name) for name in wanted} == wanted


def test_rows_as_table_csv_json_and_lines_of_json(zdtrace: Run, rollout: Path) -> None:
    def answer(output: str) -> str:
        return zdtrace("sql", rollout, "-o", output, "-c", COUNTS).stdout

    assert answer("table") == (
        "cause                 failed\nendpoint_lag_refused      23\ninflight_cut_sigterm      17\n"
    )
    assert answer("csv") == "cause,failed\nendpoint_lag_refused,23\ninflight_cut_sigterm,17\n"
    rows = [{"cause": "endpoint_lag_refused", "failed": 23}, {"cause": "inflight_cut_sigterm", "failed": 17}]
    assert json.loads(answer("json")) == rows
    assert [json.loads(line) for line in answer("ndjson").splitlines()] == rows


def test_no_rows_are_an_empty_list(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("sql", rollout, "-o", "json", "-c", "from findings.verdicts where false")
    assert (result.returncode, json.loads(result.stdout)) == (0, [])


def test_instants_with_a_zone_are_shown_in_utc(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("sql", rollout, "-o", "csv", "-c", "select [timestamptz '2026-11-23 17:00:00+01'] as at")
    assert result.stdout == "at\n['2026-11-23 16:00:00+00']\n"


def test_settings_of_the_queries_can_be_given_and_read(zdtrace: Run, rollout: Path) -> None:
    words = ("--set", "clock_bound_ms=9", "-o", "csv", "-c", "select getvariable('clock_bound_ms') as bound")
    assert zdtrace("sql", rollout, *words).stdout == "bound\n9\n"


def test_own_views_last_as_long_as_the_command(zdtrace: Run, rollout: Path) -> None:
    words = ("-c", f"create view mine as {COUNTS}", "-c", "select sum(failed) as failed from mine; -- done")
    assert zdtrace("sql", rollout, "-o", "csv", *words).stdout == "failed\n40\n"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("statement", [
    "copy (select 1) to 'out.csv'",
    "copy (select 1) to '{requests}'",
    "explain analyze copy (select 1) to '{requests}'",
    "explain (analyze, format json) copy (select 1) to '{requests}'",
    "/* select */ explain /* select */ analyze copy (select 1) to '{requests}'",
    "prepare x as copy (select 1) to '{requests}'; execute x",
    "select 1) as answer; copy (select 1) to '{requests}'; from (select 1",
    "export database 'out'",
    "attach 'out.db'",
    "install httpfs",
    "load httpfs",
    "create persistent secret s (type s3)",
    "from read_text('/etc/hostname')",
    "from read_csv('http://127.0.0.1:9/x.csv')",
    "from glob('/*')",
    "set enable_external_access = true",
    "set allowed_directories = ['/']",
    "reset lock_configuration",
    "call dbgen(sf = 0.01)",
    "insert into recording.requests select * from recording.requests",
])
def test_nothing_is_written_loaded_or_read_elsewhere(
    console: Console, rollout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.chdir(tmp_path)
    requests = next((rollout / "tables" / "requests").iterdir())
    with pytest.raises(QueryError):
        _rows(console, statement.replace("{requests}", str(requests)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("statement", [
    "selec 1", "select * from nothing", "select", "select 1 as", "'", "\0", "explain", "from (", ")", "\ud800",
    "select error('no')", "select cast('x' as integer)", "select 1; selec",
])
def test_wrong_sql_is_an_error_with_a_hint(console: Console, statement: str) -> None:
    with pytest.raises(QueryError) as raised:
        _rows(console, statement)
    assert raised.value.hint


def test_an_error_is_said_without_a_traceback(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("sql", rollout, "-c", "select * from nothing")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: Catalog Error: Table with name nothing does not exist!\n")


@given(st.text(max_size=40))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered_or_refused(console: Console, text: str) -> None:
    with suppress(QueryError):
        _rows(console, text)


def _rows(console: Console, text: str) -> list[tuple[str | None, ...]]:
    return [row for answer in console.ask(text) for row in answer.rows]


def test_a_plan_can_be_looked_at(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("sql", rollout, "-c", "explain select 1")
    assert result.returncode == 0
    assert result.stdout.startswith("plan\n")


def test_what_the_logs_say_cannot_command_the_terminal(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("sql", rollout, "-c", "select 'a' || chr(27) || '[2J' || chr(10) || 'b' as said")
    assert result.stdout == "said\na\\x1b[2J\\nb\n"


@pytest.mark.parametrize(("text", "code", "stdout"), [
    ("select 1 as one;\nselect 2 as two", 0, "one\n1\ntwo\n2\n"),
    (" \n", 2, ""),
])
def test_statements_come_from_stdin_when_it_is_no_terminal(
    rollout: Path, tmp_path: Path, text: str, code: int, stdout: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "zdtrace", "sql", rollout, "-o", "csv"],
        input=text, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
    )
    assert (result.returncode, result.stdout) == (code, stdout)


def test_on_a_terminal_it_asks_and_an_error_does_not_end_it(rollout: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "zdtrace", "sql", rollout],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
    )
    os.close(theirs)
    os.write(ours, b"select 40 + 2\nas answer;\nselec;\nselect 6 * 7 as again;\n\\q\n")
    shown = b""
    while True:
        try:
            portion = os.read(ours, 65536)
        except OSError:
            break
        if not portion:
            break
        shown += portion
    os.close(ours)
    assert process.wait(60) == 0
    assert b"answer\r\n    42" in shown
    assert b"error: Parser Error" in shown
    assert b"again\r\n   42" in shown
