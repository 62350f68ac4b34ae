"""`--columns`: any table, when the user says what is what, in which unit and zone."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing import SAMPLES, Imported, Row, import_bytes, import_file
from truth import RUN_NS, SECOND, Sent, content, expected, few, mangled, runs, survives, triples

from zdtrace.errors import UnusableFile, UsageError
from zdtrace.importers.base import Options

CSV = {"start": "ts:epoch_us", "latency": "took:us", "status": "code"}


def read(file: bytes, columns: dict[str, str], **options: object) -> Imported:
    return import_bytes(file, as_format="columns", options=Options(columns=columns, **options))  # type: ignore[arg-type]


def one(file: bytes, columns: dict[str, str], **options: object) -> Row:
    return read(file, columns, **options).requests[0]


def test_the_same_rows_as_the_formats_own_importer() -> None:
    columns = {
        "start": "timestamp:iso",
        "latency": "latency:ns",
        "status": "code",
        "error": "error",
        "method": "method",
        "url": "url",
    }
    mapped = read(content("vegeta/results.json.gz"), columns)
    own = import_file(SAMPLES / "vegeta/results.json.gz")
    assert triples(mapped.requests) == triples(own.requests)
    assert mapped.column("requests", "url") == own.column("requests", "url")
    assert {row["error"] for row in mapped.requests} == {row["error"] for row in own.requests}


@pytest.mark.parametrize(
    ("unit", "written", "resolution_ns"),
    [
        ("epoch_s", "1795450000", SECOND),
        ("epoch_s", "1795450000.000", 10**6),
        ("epoch_ms", "1795450000000", 10**6),
        ("epoch_ms", "1795450000000.0", 10**5),
        ("epoch_us", "1795450000000000", 1000),
        ("epoch_ns", "1795450000000000000", 1),
        ("iso", "2026-11-23T16:06:40Z", SECOND),
        ("iso", "2026-11-23 17:06:40.000+01:00", 10**6),
        ("iso", "2026-11-23T21:36:40.000000+0530", 1000),
    ],
)
def test_units_of_instants(unit: str, written: str, resolution_ns: int) -> None:
    row = one(
        f"ts;took;code\n{written};1.5;502\n".encode(),
        {"start": f"ts:{unit}", "latency": "took:s", "status": "code"},
    )
    assert (row["started_at_ns"], row["ended_at_ns"]) == (RUN_NS, RUN_NS + 3 * SECOND // 2)
    assert row["resolution_ns"] == resolution_ns


@pytest.mark.parametrize(
    ("unit", "written"), [("s", "0.25"), ("ms", "250"), ("us", "250000"), ("ns", "250000000")]
)
def test_units_of_latencies_and_an_end_instead_of_a_start(unit: str, written: str) -> None:
    columns = {"end": "ts:epoch_s", "latency": f"took:{unit}", "status": "code"}
    row = one(f"ts,took,code\n1795450000,{written},200\n".encode(), columns)
    assert (row["started_at_ns"], row["ended_at_ns"]) == (RUN_NS - SECOND // 4, RUN_NS)


def test_start_and_end_need_no_latency() -> None:
    columns = {"start": "a:epoch_s", "end": "b:epoch_ms", "error": "problem"}
    found = read(b"a\tb\tproblem\n1795450000\t1795450002500\t\n1795450000\t1795450000001\trefused\n", columns)
    assert triples(found.requests) == [
        (RUN_NS, RUN_NS + 10**6, None),
        (RUN_NS, RUN_NS + 5 * SECOND // 2, None),
    ]
    assert [row["error"] for row in found.failed] == ["refused"]


def test_a_local_time_needs_a_zone_that_is_said() -> None:
    file = b"at,took,code\n2026-11-23 17:06:40.123456789,1,200\n"
    columns = {"start": "at:iso", "latency": "took:s", "status": "code"}
    with pytest.raises(UnusableFile) as refused:
        read(file, columns)
    assert "--time-zone" in (refused.value.hint or "")
    assert one(file, columns, time_zone="Europe/Berlin")["started_at_ns"] == RUN_NS + 123_456_789
    assert one(file, columns, time_zone="+01:00")["started_at_ns"] == RUN_NS + 123_456_789
    with pytest.raises(UsageError):
        read(file, columns, time_zone="Europe/Atlantis")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"start": "ts", "latency": "took:ms", "status": "code"},
            "epoch_s, epoch_ms, epoch_us, epoch_ns, iso",
        ),
        ({"start": "ts:epoch_s", "latency": "took", "status": "code"}, "s, ms, us, ns"),
        ({"start": "ts:hours", "latency": "took:ms", "status": "code"}, "epoch_s"),
        ({"start": "ts:epoch_s", "status": "code"}, "latency=COLUMN:UNIT"),
        ({"start": "ts:epoch_s", "latency": "took:ms"}, "status=COLUMN"),
        ({"begin": "ts:epoch_s"}, "start, end, latency"),
    ],
)
def test_what_is_not_said_is_asked_for_and_never_guessed(columns: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(b"ts,took,code\n1,2,3\n", columns)
    assert words in (refused.value.hint or "")


@pytest.mark.parametrize("file", [b"ts,took,code\n1,2,3\n", b'{"ts":1,"took":2,"code":3}\n'])
def test_a_column_that_is_not_there_is_an_error_that_lists_those_that_are(file: bytes) -> None:
    with pytest.raises(UnusableFile) as refused:
        read(file, {"start": "time:epoch_s", "latency": "took:ms", "status": "code"})
    assert "`ts`" in (refused.value.hint or "")


def test_values_inside_nested_objects_are_reached_by_a_path() -> None:
    line = {"at": RUN_NS // 10**6, "http": {"status": 503, "x.y": {"took": 7}}, "a.b": "thread-1"}
    columns = {"start": "at:epoch_ms", "end": "at:epoch_ms", "status": "http.status", "thread": "a.b"}
    row = one(json.dumps(line).encode(), columns)
    assert (row["status"], row["thread"]) == (503, "thread-1")


def test_parquet_is_read_with_its_own_types(tmp_path: Path) -> None:
    path = tmp_path / "requests.parquet"
    with duckdb.connect() as db:
        db.execute(f"""
            copy (
                select timestamptz '2026-11-23 16:06:40.25+00' as at, 0.5::double as took,
                    200.0 as code, 'a' as id
                union all select timestamptz '2026-11-23 16:06:41+00', 'nan', 502, 'b'
            ) to '{path}' (format parquet)
        """)
    columns = {"start": "at:iso", "latency": "took:s", "status": "code", "id": "id"}
    found = import_file(path, as_format="columns", options=Options(columns=columns))
    assert triples(found.requests) == [(RUN_NS + SECOND // 4, RUN_NS + 3 * SECOND // 4, 200)]
    assert found.source.reject_reasons == {"no or impossible latency": 1}


def test_a_parquet_file_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile):
        read(b"PAR1" + b"\x00" * 100, CSV)


@few
@given(runs)
def test_what_is_written_as_csv_comes_back(sent: list[Sent]) -> None:
    rows = [f"{each.started_us},{each.took_us},{each.status}" for each in sent]
    assert triples(read("\n".join(["ts,took,code", *rows]).encode(), CSV).requests) == expected(sent)


@few
@given(runs)
def test_what_is_written_as_json_comes_back(sent: list[Sent]) -> None:
    rows = [
        json.dumps({"ts": each.started_us, "took": each.took_us, "code": str(each.status)}) for each in sent
    ]
    assert triples(read("\n".join(rows).encode(), CSV).requests) == expected(sent)


_FILES = {
    "csv": b"ts,took,code\n" + b"1795450000000000,25,200\n" * 50,
    "json": b'{"ts":1795450000000000,"took":25,"code":200}\n' * 50,
}


@few
@given(st.data(), st.sampled_from(sorted(_FILES)))
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject, kind: str) -> None:
    survives(data.draw(mangled(_FILES[kind])), "columns", Options(columns=CSV))


@few
@given(st.text(max_size=12), st.text(max_size=12))
def test_a_column_may_have_any_name(start: str, code: str) -> None:
    line = json.dumps({start: RUN_NS, code: 502})
    columns = {"start": f"{start}:epoch_ns", "end": f"{start}:epoch_ns", "status": code}
    try:
        found = read(line.encode(), columns)
    except (UsageError, UnusableFile):
        return
    assert found.source.rows_in == 1
