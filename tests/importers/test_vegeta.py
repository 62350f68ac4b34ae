"""vegeta: START and latency in ns; the reasons in Go's words."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing import SAMPLES, Take, import_bytes
from truth import (
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

BOTH = ["results.json.gz", "results.csv.gz"]


@pytest.mark.parametrize("name", BOTH)
def test_counts_agree_with_vegetas_own_report_and_with_the_server(taken: Take, name: str) -> None:
    found = taken(SAMPLES / "vegeta" / name)
    report = json.loads((SAMPLES / "vegeta/report.json").read_text())
    assert found.statuses == Counter({int(code) or None: n for code, n in report["status_codes"].items()})
    assert answered(found) == delivered("vegeta/server.ndjson.gz")


@pytest.mark.parametrize("name", BOTH)
def test_vegeta_writes_the_start(taken: Take, name: str) -> None:
    found = taken(SAMPLES / "vegeta" / name)
    assert_encloses(found, "vegeta/server.ndjson.gz")
    assert (found.source.written, found.source.resolution_ns) == ("start and latency", 1)


def test_json_and_csv_give_the_same_rows(taken: Take) -> None:
    from_json, from_csv = (taken(SAMPLES / "vegeta" / name) for name in BOTH)
    ids = {"source_id", "line"}
    plain = [
        [{k: v for k, v in row.items() if k not in ids} for row in each.requests]
        for each in (from_json, from_csv)
    ]
    assert plain[0] == plain[1]


def test_the_error_is_gos_own_words(taken: Take) -> None:
    errors = [
        row["error"] for row in taken(SAMPLES / "vegeta/results.json.gz").requests if row["status"] is None
    ]
    assert sum("connection refused" in each for each in errors) >= 15
    assert sum("connection reset" in each for each in errors) >= 15
    assert sum("Client.Timeout exceeded" in each for each in errors) >= 15


def test_attack_and_sequence_are_the_id_that_the_proxy_logged(taken: Take) -> None:
    ids = taken(SAMPLES / "vegeta/results.json.gz").column("requests", "correlation_id")
    assert set(ids) == {f"t1/{number}" for number in range(200)}


def result(**fields: object) -> bytes:
    whole = {
        "attack": "",
        "seq": 1,
        "code": 200,
        "timestamp": "2026-11-23T17:25:41.803170163Z",
        "latency": 1_000_000,
        "bytes_out": 0,
        "bytes_in": 47,
        "error": "",
        "body": None,
        "method": "GET",
        "url": "http://h/p",
        "headers": None,
    }
    return json.dumps({**whole, **fields}).encode() + b"\n"


def test_a_header_that_names_the_pod_is_kept_and_a_body_is_not() -> None:
    body = base64.b64encode(b"very secret").decode()
    found = import_bytes(result(headers={"X-Pod": ["demo-c4dkg"], "Set-Cookie": ["s=secret"]}, body=body))
    assert found.column("requests", "pod_name") == ["demo-c4dkg"]
    assert "secret" not in str(found.tables)
    assert body not in str(found.tables)


def test_the_same_header_is_found_in_the_csv() -> None:
    headers = base64.b64encode(b"Content-Type: text/plain\r\nX-Pod: demo-c4dkg\r\n\r\n").decode()
    row = f"1795454741803170163,200,1000000,0,47,,c2VjcmV0,a,1,GET,http://h/p,{headers}\n".encode()
    found = import_bytes(row)
    assert found.column("requests", "pod_name") == ["demo-c4dkg"]
    assert "c2VjcmV0" not in str(found.tables)


def test_query_values_are_masked() -> None:
    found = import_bytes(
        result(url="http://user:pass@h/p?token=abc", error='Get "http://h/p?token=abc": EOF', code=0)
    )
    assert "abc" not in str(found.requests)
    assert "pass@" not in str(found.requests)


def test_an_attack_without_a_name_has_only_a_sequence() -> None:
    assert import_bytes(result(seq=7)).column("requests", "correlation_id") == ["/7"]


def test_the_report_is_a_cross_check_whose_zero_is_no_status(taken: Take) -> None:
    rows = taken(SAMPLES / "vegeta/report.json").tables["expected_counts"]
    assert {(row["status"], row["requests"]) for row in rows} == {
        (None, 88),
        (200, 93),
        (500, 6),
        (502, 6),
        (503, 7),
    }
    assert rows[0]["started_at_ns"] == 1_795_449_402_705_531_188


def test_binary_results_are_refused_with_the_command_that_converts_them(taken: Take) -> None:
    with pytest.raises(UnusableFile) as refused:
        taken(SAMPLES / "vegeta/results.bin")
    assert "vegeta encode -to json FILE > FILE.json" in (refused.value.hint or "")


@few
@given(runs)
def test_what_is_written_as_json_comes_back(sent: list[Sent]) -> None:
    rows = []
    for each in sent:
        second = datetime.fromtimestamp(each.started_us // 10**6, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        time = f"{second}.{each.started_us % 10**6:06}Z"
        rows.append(result(timestamp=time, latency=each.took_us * 1000, code=each.status))
    assert triples(import_bytes(b"".join(rows)).requests) == expected(sent)


@few
@given(runs)
def test_what_is_written_as_csv_comes_back(sent: list[Sent]) -> None:
    rows = [
        f'{each.started_at_ns},{each.status},{each.took_us * 1000},0,5,"a ""quoted"", error",,t,{number},GET,http://h/,'
        for number, each in enumerate(sent)
    ]
    assert triples(import_bytes("\n".join(rows).encode()).requests) == expected(sent)


@few
@given(st.data(), st.sampled_from(["vegeta-json", "vegeta-csv", "vegeta-report"]))
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject, name: str) -> None:
    sample = {"vegeta-json": BOTH[0], "vegeta-csv": BOTH[1], "vegeta-report": "report.json"}[name]
    survives(data.draw(mangled(content(f"vegeta/{sample}"))), name)
