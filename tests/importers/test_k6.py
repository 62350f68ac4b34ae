"""k6: many points a request, written at its END."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing import SAMPLES, Take, import_bytes
from truth import (
    RUN_NS,
    Sent,
    answered,
    assert_encloses,
    content,
    delivered,
    few,
    mangled,
    runs,
    survives,
    triples,
)

from zdtrace.errors import UnusableFile

END = "2026-11-23T17:20:55.000000000Z"
END_NS = 1_795_454_455 * 10**9


def point(metric: str, value: float, time: str = END, **tags: str) -> str:
    body = {"metric": metric, "type": "Point", "data": {"time": time, "value": value, "tags": tags}}
    return json.dumps(body, separators=(",", ":"))


def request(duration: float, blocked: float, time: str = END, **tags: str) -> list[str]:
    names = ("http_reqs", "http_req_duration", "http_req_blocked", "http_req_connecting", "http_req_failed")
    values = (1, duration, blocked, 0, 0)
    return [point(name, value, time, **tags) for name, value in zip(names, values, strict=True)]


def lines(*each: str) -> bytes:
    return "\n".join(each).encode() + b"\n"


@pytest.mark.parametrize("name", ["k6.json.gz", "k6_unix_micro.csv.gz"])
def test_one_row_a_request_and_the_other_points_are_skipped(taken: Take, name: str) -> None:
    found = taken(SAMPLES / "k6" / name)
    assert len(found.requests) == 149
    assert found.source.rejects == 0
    assert found.source.skipped == found.source.lines_in - 149
    assert answered(found) == delivered("k6/server.ndjson.gz")
    assert len(found.failed) == 80


@pytest.mark.parametrize(("name", "resolution_ns"), [("k6.json.gz", 1), ("k6_unix_micro.csv.gz", 1000)])
def test_the_written_time_is_the_end(taken: Take, name: str, resolution_ns: int) -> None:
    found = taken(SAMPLES / "k6" / name)
    assert_encloses(found, "k6/server.ndjson.gz")
    assert found.source.written == "end and latency"
    assert found.source.resolution_ns == resolution_ns


def test_whole_seconds_are_a_resolution_and_a_note(taken: Take) -> None:
    found = taken(SAMPLES / "k6/k6_whole_seconds.csv.gz")
    assert found.source.resolution_ns == 10**9
    assert any("K6_CSV_TIME_FORMAT" in note for note in found.source.notes)
    finer = taken(SAMPLES / "k6/k6_4_per_second.json.gz")
    assert found.statuses == finer.statuses
    for coarse, exact in zip(
        found.requests, sorted(finer.requests, key=lambda row: row["ended_at_ns"]), strict=True
    ):
        assert coarse["ended_at_ns"] <= exact["ended_at_ns"] < coarse["ended_at_ns"] + 2 * 10**9


def test_errors_keep_their_words_and_codes(taken: Take) -> None:
    found = taken(SAMPLES / "k6/k6.json.gz")
    assert Counter(row["error"] for row in found.requests if row["status"] is None) == {
        "dial: connection refused (1212)": 17,
        "read: connection reset by peer (1220)": 19,
        "request timeout (1050)": 15,
        "EOF (1000)": 14,
    }


def test_the_start_lies_before_the_connection_was_there() -> None:
    found = import_bytes(lines(*request(20, 5, status="200")))
    assert triples(found.requests) == [(END_NS - 25_000_000, END_NS, 200)]


def test_metric_lines_between_the_points_do_not_part_them() -> None:
    points = request(20, 5, status="200")
    metric = '{"type":"Metric","data":{"name":"http_req_blocked","type":"trend"},"metric":"http_req_blocked"}'
    found = import_bytes(lines(points[0], points[1], metric, *points[2:]))
    assert triples(found.requests) == [(END_NS - 25_000_000, END_NS, 200)]


def test_the_blocked_time_of_the_next_request_is_not_taken() -> None:
    first = [each for each in request(20, 5, status="200") if "blocked" not in each]
    second = request(30, 7, time="2026-11-23T17:20:56Z", status="502")
    assert triples(import_bytes(lines(*first, *second)).requests) == [
        (END_NS - 20_000_000, END_NS, 200),
        (END_NS + 10**9 - 37_000_000, END_NS + 10**9, 502),
    ]


def test_a_dial_that_timed_out_began_with_its_iteration() -> None:
    dial = request(0, 0, status="0", error="dial: i/o timeout", error_code="1050")
    other = [point("iteration_duration", 12, "2026-11-23T17:20:55.000050Z")]
    own = [point("iteration_duration", 10_000.5, "2026-11-23T17:20:55.000100Z")]
    found = import_bytes(lines(*dial, *other, *own))
    assert triples(found.requests) == [(END_NS - 10_000_500_000, END_NS, None)]
    assert found.requests[0]["error"] == "dial: i/o timeout (1050)"


def test_an_iteration_that_ended_later_explains_nothing() -> None:
    dial = request(0, 0, status="0", error_code="1050")
    later = point("iteration_duration", 10_000, "2026-11-23T17:20:55.100Z")
    assert triples(import_bytes(lines(*dial, later)).requests) == [(END_NS, END_NS, None)]


def test_a_refused_dial_takes_no_time() -> None:
    refused = request(0, 0, status="0", error_code="1212")
    iteration = point("iteration_duration", 10_000, "2026-11-23T17:20:55.0001Z")
    assert triples(import_bytes(lines(*refused, iteration)).requests) == [(END_NS, END_NS, None)]


def test_requests_that_were_never_sent_are_counted_in_the_parameters() -> None:
    dropped = [point("dropped_iterations", count) for count in (1, 41)]
    found = import_bytes(lines(*request(1, 0, status="200"), *dropped))
    assert found.source.parameters == {"requests never sent": "42"}


@pytest.mark.parametrize("tag", ["request_id", "requestId", "x-request-id", "X_Request_ID"])
def test_any_tag_that_is_called_request_id_joins_with_the_proxy(tag: str) -> None:
    found = import_bytes(lines(*request(1, 0, status="200", **{tag: "k6-7"})))
    assert found.column("requests", "correlation_id") == ["k6-7"]


def test_the_status_is_known_from_the_error_code_when_the_tag_is_switched_off() -> None:
    found = import_bytes(lines(*request(1, 0, error_code="1503"), *request(1, 0, expected_response="true")))
    assert found.column("requests", "status") == [503, None]
    assert len(found.failed) == 1


def test_a_request_id_in_the_csv_is_found_among_the_extra_tags() -> None:
    head = "metric_name,timestamp,metric_value,status,extra_tags"
    row = "http_req_duration,1795454455000,20.5,200,team=a&request_id=k6-9"
    found = import_bytes(lines(head, row))
    assert found.column("requests", "correlation_id") == ["k6-9"]
    assert triples(found.requests) == [(END_NS - 20_500_000, END_NS, 200)]


@pytest.mark.parametrize(
    ("time", "resolution_ns"),
    [
        ("1795454455", 10**9),
        ("1795454455000", 10**6),
        ("1795454455000000", 10**3),
        ("1795454455000000000", 1),
        ("2026-11-23T18:20:55+01:00", 10**9),
        ("2026-11-23T17:20:55.000000000Z", 1),
    ],
)
def test_every_time_format_of_the_csv_means_the_same_end(time: str, resolution_ns: int) -> None:
    found = import_bytes(
        lines("metric_name,timestamp,metric_value,status", f"http_req_duration,{time},20,502")
    )
    assert triples(found.requests) == [(END_NS - 20_000_000, END_NS, 502)]
    assert found.source.resolution_ns == resolution_ns


def test_a_torn_last_line_is_a_reject_whatever_metric_it_was() -> None:
    for torn in ('{"metric":"http_req_dur', '{"metric":"vus","type":"Point","data":{"time":"2026'):
        found = import_bytes(lines(*request(1, 0, status="200")) + torn.encode())
        assert (found.source.rows_kept, found.source.rejects) == (1, 1)


def test_the_summary_is_refused_with_the_command_that_would_work() -> None:
    summary = b'{"metrics":{"http_req_duration":{"avg":1.5},"http_reqs":{"count":10}},"root_group":{}}'
    with pytest.raises(UnusableFile) as refused:
        import_bytes(summary)
    assert "--out json=FILE" in (refused.value.hint or "")


@few
@given(runs)
def test_what_is_written_as_json_comes_back(sent: list[Sent]) -> None:
    written = []
    for each in sent:
        end = datetime.fromtimestamp(each.ended_at_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        time = f"{end}.{each.ended_at_ns % 10**9:09}Z"
        blocked_us = each.took_us // 3
        written += request(
            (each.took_us - blocked_us) / 1000, blocked_us / 1000, time, status=str(each.status)
        )
    found = import_bytes(lines(*written))
    assert triples(found.requests) == sorted(
        (each.expected for each in sent), key=lambda e: (e[0], e[1], e[2] or 0)
    )
    assert found.source.skipped == 4 * len(sent)


def test_a_hundred_thousand_points_keep_their_pairs() -> None:
    written = []
    for number in range(20_000):
        time = datetime.fromtimestamp(RUN_NS / 1e9 + number / 10, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        written += request(number % 50, number % 7, time, status="200", request_id=str(number))
    found = import_bytes(lines(*written))
    assert found.source.lines_in == 100_000
    assert all(
        row["ended_at_ns"] - row["started_at_ns"]
        == (int(row["correlation_id"]) % 50 + int(row["correlation_id"]) % 7) * 10**6
        for row in found.requests
    )


@few
@given(st.data(), st.sampled_from(["k6-json", "k6-csv"]))
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject, name: str) -> None:
    sample = {"k6-json": "k6/k6.json.gz", "k6-csv": "k6/k6_unix_micro.csv.gz"}[name]
    survives(data.draw(mangled(content(sample))), name)
