"""fortio: its access logs, what it says on stderr, its result."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

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


def test_each_line_of_the_access_log_is_a_request(taken: Take, samples: Path) -> None:
    found = taken(samples / "fortio/fortio_access.json")
    result = json.loads((samples / "fortio/result.json").read_text())
    assert len(found.requests) == sum(result["RetCodes"].values()) == 200
    assert found.statuses == Counter(
        {int(code) if code != "-1" else None: n for code, n in result["RetCodes"].items()}
    )
    began = found.requests[0]["started_at_ns"]  # each thread warms up with a request that it does not log
    assert answered(found) == delivered("fortio/server.ndjson.gz", since_ns=began)


def test_fortio_writes_the_start_and_the_latency(taken: Take, samples: Path) -> None:
    found = taken(samples / "fortio/fortio_access.json")
    assert_encloses(found, "fortio/server.ndjson.gz")
    assert found.source.written == "start and latency"
    assert found.source.resolution_ns == 1000


def test_a_request_without_a_response_has_no_status_and_an_error(taken: Take, samples: Path) -> None:
    found = taken(samples / "fortio/fortio_access.json")
    assert {row["error"] for row in found.requests if row["status"] is None} == {"no response"}
    assert {row["error"] for row in found.requests if row["status"]} == {None}


def test_influx_lines_say_the_same_as_json_lines(taken: Take, samples: Path) -> None:
    found = taken(samples / "fortio/fortio_access.influx")
    assert len(found.requests) == 169
    assert_encloses(found, "fortio/server-influx.ndjson.gz")


def test_the_standard_client_hides_bodies_that_were_cut_short_behind_204(taken: Take, samples: Path) -> None:
    found = taken(samples / "fortio/fortio_access.influx")
    cut = delivered("fortio/server-influx.ndjson.gz", cut=True) - delivered("fortio/server-influx.ndjson.gz")
    assert found.statuses[204] == cut.total() == 19
    assert any("204" in note for note in found.source.notes)


def test_stderr_tells_what_went_wrong_and_on_which_thread(taken: Take, samples: Path) -> None:
    found = taken(samples / "fortio/stderr.txt")
    messages = found.tables["client_messages"]
    assert sum("connection refused" in row["message"].lower() for row in messages) > 0
    assert all(row["thread"] for row in messages)
    spoken = [
        json.loads(line)
        for line in content("fortio/stderr.txt").decode().splitlines()
        if line.startswith("{")
    ]
    assert len(messages) == sum("thread" in each for each in spoken)


def test_the_result_is_a_cross_check(taken: Take, samples: Path) -> None:
    found = taken(samples / "fortio/result.json")
    counts = {row["label"]: (row["status"], row["requests"]) for row in found.tables["expected_counts"]}
    assert counts["200"] == (200, 84)
    assert counts["-1"] == (None, 96)


def test_a_result_with_impossible_counts_is_rejected_and_not_believed() -> None:
    broken = (
        b'{"RunType":"HTTP","StartTime":"9999-12-31T00:00:00Z","RetCodes":{"200":1e400,"502":true,"503":3}}'
    )
    assert survives(broken, "fortio-result") is None
    good = b'{"RunType":"HTTP","StartTime":"2026-11-23T16:00:00Z","RetCodes":{"200":9e9,"502":true,"503":3}}'
    found = import_bytes(good)
    assert found.column("expected_counts", "requests") == [3]
    assert found.source.rejects == 2


def _json_line(sent: Sent) -> str:
    details = str(sent.status or -1)
    return json.dumps(
        {
            "latency": sent.took_us / 1e6,
            "timestamp": sent.started_at_ns,
            "thread": 3,
            "iter": 1,
            "ok": details == "200",
            "details": details,
        }
    )


@few
@given(runs)
def test_what_is_written_as_json_comes_back(sent: list[Sent]) -> None:
    found = import_bytes("\n".join(map(_json_line, sent)).encode())
    assert triples(found.requests) == expected(sent)
    assert found.source.lines_in == len(sent)


@few
@given(runs)
def test_what_is_written_as_influx_comes_back(sent: list[Sent]) -> None:
    lines = [
        f"latency,thread=1,ok=true value={each.took_us / 1e6:.6f},"
        f'details="{each.status or -1}" {each.started_at_ns}'
        for each in sent
    ]
    assert triples(import_bytes("\n".join(lines).encode()).requests) == expected(sent)


_FILES = {
    "fortio-json": "fortio_access.json",
    "fortio-influx": "fortio_access.influx",
    "fortio-stderr": "stderr.txt",
    "fortio-result": "result.json",
}


@few
@given(st.data(), st.sampled_from(sorted(_FILES)))
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject, name: str) -> None:
    assert (SAMPLES / "fortio" / _FILES[name]).exists()
    survives(data.draw(mangled(content(f"fortio/{_FILES[name]}"))), name)
