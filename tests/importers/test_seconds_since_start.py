"""hey, oha and goose: they count from the start of the run, which somebody has to say."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing import SAMPLES, Take, import_bytes, import_file
from truth import (
    RUN_NS,
    SECOND,
    Sent,
    answered,
    assert_encloses,
    content,
    delivered,
    expected,
    few,
    mangled,
    runs,
    survives,
    triples,
)

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Options

FROM_START = Options(started_at_ns=RUN_NS)


def began_ns(meta: str) -> int:
    return round(1e9 * float(json.loads((SAMPLES / meta).read_text())["start_epoch"]))


@pytest.mark.parametrize(
    "name", ["hey/hey.csv", "oha/oha.csv", "goose/goose_requests.csv", "goose/goose_requests.json.gz"]
)
def test_without_the_start_of_the_run_the_file_is_refused_with_the_option(taken: Take, name: str) -> None:
    with pytest.raises(UnusableFile) as refused:
        taken(SAMPLES / name)
    assert "--started-at" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["hey/hey.csv", "oha/oha.csv", "oha/oha.sqlite"])
def test_a_request_that_was_left_out_is_not_a_success(taken: Take, name: str) -> None:
    found = taken(SAMPLES / name, started_at_ns=began_ns(f"{name.split('/')[0]}/meta.json"))
    assert not found.source.shows_failures
    assert any("leaves out every request that failed" in note for note in found.source.notes)


def test_hey_has_a_row_for_each_answer_also_for_those_that_broke_off(taken: Take) -> None:
    found = taken(SAMPLES / "hey/hey.csv", started_at_ns=began_ns("hey/meta.json"))
    assert answered(found) == delivered("hey/server.ndjson.gz", cut=True)
    assert any("cut short" in note for note in found.source.notes)
    assert found.source.resolution_ns == 100_000


def test_oha_has_a_row_for_each_whole_answer(taken: Take) -> None:
    found = taken(SAMPLES / "oha/oha.csv", started_at_ns=began_ns("oha/meta.json"))
    assert answered(found) == delivered("oha/server.ndjson.gz")
    # The process started 0.1 s before the run did: requests look early by that, never late.
    assert_encloses(found, "oha/server.ndjson.gz", slack_ns=200_000_000)


def test_ohas_database_knows_the_second_in_which_the_run_began(taken: Take) -> None:
    found = taken(SAMPLES / "oha/oha.sqlite")
    assert answered(found) == delivered("oha/server.ndjson.gz")
    assert found.source.resolution_ns == SECOND
    assert_encloses(found, "oha/server.ndjson.gz")


def test_ohas_result_counts_what_its_rows_leave_out(taken: Take) -> None:
    counts = {row["label"]: row for row in taken(SAMPLES / "oha/oha.json").tables["expected_counts"]}
    told = json.loads((SAMPLES / "oha/oha.json").read_text())
    assert {label: row["requests"] for label, row in counts.items()} == {
        **told["statusCodeDistribution"],
        **told["errorDistribution"],
    }
    assert counts["200"]["status"] == 200
    assert counts["timeout"]["status"] is None


@pytest.mark.parametrize(
    ("name", "meta", "server"),
    [
        ("goose_requests.csv", "meta.json", "server.ndjson.gz"),
        ("goose_requests.json.gz", "meta-json.json", "server-json.ndjson.gz"),
    ],
)
def test_goose_does_not_see_that_a_body_was_cut_short(taken: Take, name: str, meta: str, server: str) -> None:
    found = taken(SAMPLES / "goose" / name, started_at_ns=began_ns(f"goose/{meta}"))
    assert answered(found) == delivered(f"goose/{server}", cut=True)
    assert any("cut short" in note for note in found.source.notes)
    assert {row["method"] for row in found.requests} == {"GET"}
    assert all(row["error"] for row in found.requests if row["status"] is None)


def test_gooses_error_log_is_refused(taken: Take) -> None:
    with pytest.raises(UnusableFile, match="no request that succeeded"):
        taken(SAMPLES / "goose/goose_error.json")


def _after(sent: list[Sent]) -> list[tuple[float, float, int]]:
    return [((each.started_at_ns - RUN_NS) / 1e9, each.took_us / 1e6, each.status or 200) for each in sent]


def _expected(sent: list[Sent]) -> list[tuple[int, int, int | None]]:
    return expected([Sent(each.started_us, each.took_us, each.status or 200) for each in sent])


@few
@given(runs)
def test_what_is_written_as_ohas_csv_comes_back(sent: list[Sent]) -> None:
    head = "request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status"
    rows = [f"{start:.9f},0,0,0,{took:.9f},81,{status}" for start, took, status in _after(sent)]
    assert triples(import_bytes("\n".join([head, *rows]).encode(), options=FROM_START).requests) == _expected(
        sent
    )


@few
@given(runs)
def test_what_is_written_as_heys_csv_comes_back(sent: list[Sent]) -> None:
    head = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset"
    rows = [f"{took:.6f},0,0,0,0,0,{status},{start:.6f}" for start, took, status in _after(sent)]
    assert triples(import_bytes("\n".join([head, *rows]).encode(), options=FROM_START).requests) == _expected(
        sent
    )


def _database(folder: Path, rows: list[tuple[object, ...]]) -> Path:
    path = folder / "oha.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE oha (url TEXT, start REAL, start_latency_correction REAL, end REAL, duration REAL, "
            "status, len_bytes INTEGER, run INTEGER)"
        )
        db.executemany("insert into oha (url, start, duration, status, run) values (?, ?, ?, ?, ?)", rows)
    db.close()
    return path


def test_a_database_with_values_of_the_wrong_kind_rejects_only_those(tmp_path: Path) -> None:
    good = ("/p", 0.5, 0.25, 200, RUN_NS // SECOND)
    path = _database(
        tmp_path,
        [
            good,
            ("/p", b"\x00", 0.25, 200, 1),
            ("/p", "x", 0.25, 200, 1),
            ("/p", 0.5, -1, 200, good[4]),
            ("/p", float("inf"), 0.25, 200, good[4]),
            ("/p", 0.5, 0.25, None, good[4]),
            ("/p", 0.5, 0.25, 200, 2**62),
        ],
    )
    found = import_file(path)
    assert triples(found.requests) == [(RUN_NS + SECOND // 2, RUN_NS + 3 * SECOND // 4, 200)]
    assert found.source.rejects == 6


@few
@given(
    st.data(), st.sampled_from(["hey-csv", "oha-csv", "oha-sqlite", "oha-result", "goose-csv", "goose-json"])
)
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject, name: str) -> None:
    sample = {
        "hey-csv": "hey/hey.csv",
        "oha-csv": "oha/oha.csv",
        "oha-sqlite": "oha/oha.sqlite",
        "oha-result": "oha/oha.json",
        "goose-csv": "goose/goose_requests.csv",
        "goose-json": "goose/goose_requests.json.gz",
    }[name]
    survives(data.draw(mangled(content(sample), most_bytes=20_000)), name, FROM_START)
