"""Files with names that DuckDB would take for patterns, links that lead nowhere, archives that end too early."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import duckdb
import pytest

from zdtrace.analysis.asking import Console
from zdtrace.importers.base import Options
from zdtrace.importers.batch import Outcome, Report, Result, import_paths
from zdtrace.recording.store import open_recording

COLUMNS = Options(columns={"start": "ts:epoch_s", "latency": "took:ms", "status": "st"})
LINE = '{"latency":0.002,"timestamp":17954506673884710%02d,"thread":0,"iter":0,"ok":true,"details":"200"}\n'


def log(path: Path, lines: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(LINE % number for number in range(lines)))
    return path


def table(path: Path, rows: int) -> Path:
    """Write a Parquet file with that many requests."""
    plain = path.with_name("draft")
    select = f"select 1700000000 + i as ts, 5 as took, 200 as st from range({rows}) t(i)"
    duckdb.execute(f"copy ({select}) to '{plain}' (format parquet)")
    plain.rename(path)
    return path


def requests(report: Report) -> dict[str, int]:
    return {each.path.name: each.source.rows_by_table["requests"] for each in report.outcomes if each.source}


def only(report: Report) -> Outcome:
    outcome, = report.outcomes
    return outcome


@pytest.mark.parametrize("name", ["a[1].log", "a?.log", "a*.log", "a;1.log", "it's.log", "a\\1.log", "[\\1].log"])
def test_a_name_that_looks_like_a_pattern_is_this_file_and_no_other(tmp_path: Path, name: str) -> None:
    log(tmp_path / "in" / "a1.log", 7)  # what the patterns would find
    wanted = log(tmp_path / "in" / name, 3)
    assert requests(import_paths([wanted], tmp_path / "r.zdtrace")) == {name: 3}


@pytest.mark.parametrize("name", ["p[1].parquet", "p?.parquet", "[\\1].parquet"])
def test_a_parquet_file_of_such_a_name_is_read_itself(tmp_path: Path, name: str) -> None:
    table(tmp_path / "p1.parquet", 10)
    wanted = table(tmp_path / name, 3)
    assert requests(import_paths([wanted], tmp_path / "r.zdtrace", options=COLUMNS)) == {name: 3}


def test_a_recording_of_such_a_name_answers_for_itself(tmp_path: Path) -> None:
    import_paths([log(tmp_path / "seven.log", 7)], tmp_path / "r1.zdtrace")
    import_paths([log(tmp_path / "three.log", 3)], tmp_path / "r[1].zdtrace")
    console = Console(open_recording(tmp_path / "r[1].zdtrace"))
    assert [list(each.rows) for each in console.ask("select count(*) from recording.requests")] == [[("3",)]]


def test_a_name_that_is_no_text_is_taken_and_shown(tmp_path: Path) -> None:
    path = log(Path(os.fsdecode(os.fsencode(tmp_path) + b"/n\xff.log")), 3)
    outcome = only(import_paths([tmp_path], tmp_path / "r.zdtrace"))
    assert outcome.path == path
    assert outcome.source is not None
    assert outcome.source.name == "n\N{REPLACEMENT CHARACTER}.log"
    assert open_recording(tmp_path / "r.zdtrace").manifest.sources == (outcome.source,)


def test_links_without_end_cost_themselves_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    log(folder / "good.log", 3)
    (folder / "self").symlink_to("self")
    (folder / "back").symlink_to(folder)
    report = import_paths([folder], tmp_path / "r.zdtrace")
    assert requests(report) == {"good.log": 3}
    refused, = (each for each in report.outcomes if each.result is Result.REFUSED)
    assert (refused.path.name, refused.message) == ("self", "too many levels of symbolic links")


def test_a_link_to_a_folder_elsewhere_is_not_followed_and_that_is_said(tmp_path: Path) -> None:
    log(tmp_path / "elsewhere" / "more.log", 5)
    log(tmp_path / "in" / "good.log", 3)
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    report = import_paths([tmp_path / "in"], tmp_path / "r.zdtrace")
    assert requests(report) == {"good.log": 3}
    assert not report.is_complete
    hint, = (each.hint for each in report.outcomes if each.result is Result.REFUSED)
    assert hint == f"name `{tmp_path / 'elsewhere'}` itself"


def test_a_cut_archive_is_taken_as_far_as_it_goes_and_not_called_complete(tmp_path: Path) -> None:
    whole = gzip.compress(os.urandom(2000).hex().join((LINE % 1, LINE % 2)).encode())
    (tmp_path / "cut.log.gz").write_bytes(gzip.compress((LINE % 1).encode() * 3) + whole[: len(whole) // 2])
    for result in (Result.TAKEN, Result.REPEAT):
        report = import_paths([tmp_path / "cut.log.gz"], tmp_path / "r.zdtrace")
        outcome = only(report)
        assert outcome.result is result
        assert outcome.message is not None
        assert outcome.message.startswith("not whole: compressed data is damaged or cut off")
        assert not report.is_complete
        assert requests(report)["cut.log.gz"] >= 3


def test_an_option_that_comes_too_late_for_a_repeat_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("ts,took,st\n2026-01-01 00:00:00,5,200\n")
    columns = {"start": "ts:iso", "latency": "took:ms", "status": "st"}
    messages = [
        only(import_paths([path], tmp_path / "r.zdtrace", options=Options(columns=columns, time_zone=zone))).message
        for zone in ("UTC", "UTC", "+02:00")
    ]
    assert messages == [None, None, "it was taken with other --time-zone, which changes nothing now"]
