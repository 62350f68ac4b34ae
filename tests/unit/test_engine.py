"""DuckDB over a recording: what is in place, what settings do, what damage says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import Incident, cut, refused

from zdtrace.analysis.engine import Engine
from zdtrace.errors import RecordingError, UsageError
from zdtrace.recording.store import Recording, open_recording

STORY = (
    Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b")
    .request(1_030, cut("a")).request(1_250, refused("a"))
)


@pytest.fixture
def recording() -> Iterator[Recording]:
    """A pod that ends at 1 s; one request was refused, one cut."""
    with STORY.recorded() as folder:
        yield open_recording(folder)


def made(engine: Engine) -> set[str]:
    """Return the views and tables beside what was recorded."""
    rows = engine.db.execute(
        "select table_schema || '.' || table_name from information_schema.tables where table_schema <> 'recording'"
    ).fetchall()
    return {row[0] for row in rows}


def test_what_does_not_fit_into_memory_is_spilled_outside_of_the_working_directory(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = Engine(recording)
    engine.db.execute("set memory_limit = '60MB'")
    engine.db.execute("create table large as select range as one, hash(range) as other from range(8000000)")
    spilled = engine.rows("select path from duckdb_temporary_files()")
    assert spilled
    assert list(tmp_path.iterdir()) == []


def test_every_recorded_table_is_there_even_when_nothing_was_recorded_of_it(recording: Recording) -> None:
    engine = Engine(recording)
    assert engine.rows("select count(*) as n from recording.requests") == [{"n": 2}]
    assert engine.rows("select count(*) as n from recording.marks") == [{"n": 0}]
    assert [row["name"] for row in engine.rows("select name from recording.sources order by source_id")] == [
        "client.ndjson", "access.log", "error.log", "watch.ndjson",
    ]


def test_only_what_is_needed_is_made_and_only_once(recording: Recording) -> None:
    engine = Engine(recording)
    engine.make("staging.requests")
    assert made(engine) == {"staging.requests"}
    engine.make("staging.requests", "timeline.failures")
    assert {"staging.requests", "timeline.failures"} < made(engine)
    assert not any(name.startswith("causes.") for name in made(engine))


def test_documents_are_complete_whatever_was_made_before(recording: Recording) -> None:
    engine = Engine(recording)
    engine.make("findings.verdicts")
    engine.make_all()
    undocumented = engine.db.execute(
        "select view_name from duckdb_views() where not internal and comment is null and schema_name <> 'recording'"
        " union all select table_name from duckdb_tables() where comment is null and schema_name <> 'recording'"
    ).fetchall()
    assert undocumented == []


def test_a_setting_overrules_its_default(recording: Recording) -> None:
    far = Engine(recording, {"clock_bound_ms": "2000"})
    assert far.rows("select getvariable('clock_bound_ms') as bound_ms") == [{"bound_ms": 2000}]
    assert Engine(recording).rows("select getvariable('clock_bound_ms') as bound_ms") == [{"bound_ms": 25}]


def test_a_setting_that_no_query_has_is_refused_with_those_that_there_are(recording: Recording) -> None:
    with pytest.raises(UsageError) as caught:
        Engine(recording, {"clock_bond_ms": "1"})
    assert "clock_bound_ms" in (caught.value.hint or "")


def test_a_setting_of_the_wrong_kind_is_refused(recording: Recording) -> None:
    with pytest.raises(UsageError, match="clock_bound_ms"):
        Engine(recording, {"clock_bound_ms": "soon'; drop table x; --"})


def test_a_file_that_was_cut_short_is_an_error_that_names_it(recording: Recording) -> None:
    path = Path(recording.files("requests")[0])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RecordingError, match=path.name):
        Engine(recording)


def test_a_file_that_is_no_parquet_any_more_is_an_error_that_names_the_table(recording: Recording) -> None:
    path = Path(recording.files("requests")[0])
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(RecordingError, match="table requests"):
        Engine(recording)


@pytest.mark.parametrize(("without", "is_proxy_line"), [((), False), (("client",), True)])
def test_the_proxys_lines_are_the_requests_when_no_client_logged(without: tuple[str, ...], is_proxy_line: bool) -> None:
    with STORY.recorded(without=without) as folder:
        engine = Engine(open_recording(folder))
        engine.make("staging.requests")
        rows = engine.rows("select is_proxy_line from staging.requests")
    assert rows == [{"is_proxy_line": is_proxy_line}] * 2
