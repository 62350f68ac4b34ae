"""Locust: rows that the user's own listener wrote."""

from __future__ import annotations

import csv
import io
from collections import Counter

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

HEADER = "start_time,request_type,name,response_time_ms,response_length,status,exception,url"


@pytest.mark.parametrize(
    ("name", "server"),
    [("locust_requests.csv", "server.ndjson.gz"), ("locust_fast_requests.csv", "server-fast.ndjson.gz")],
)
def test_both_clients_agree_with_the_server(taken: Take, name: str, server: str) -> None:
    found = taken(SAMPLES / "locust" / name)
    assert answered(found) == delivered(f"locust/{server}")
    assert_encloses(found, f"locust/{server}")
    with (SAMPLES / "locust" / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(found.failed) == sum(bool(row["exception"]) for row in rows)
    assert found.source.rejects == 0


def test_a_200_with_an_exception_is_a_body_that_was_cut_short(taken: Take) -> None:
    found = taken(SAMPLES / "locust/locust_fast_requests.csv")
    cut = [row for row in found.requests if row["is_truncated"]]
    server = delivered("locust/server-fast.ndjson.gz", cut=True) - delivered("locust/server-fast.ndjson.gz")
    assert Counter(row["status"] for row in cut) == server == {200: 20}
    assert {row["error"] for row in cut} == {"ConnectionResetError(104, 'Connection reset by peer')"}


def test_an_answer_that_the_script_itself_disliked_was_whole() -> None:
    found = import_bytes(
        f"{HEADER}\n1795450390.5,GET,/a,5,9,200,CatchResponseError('no basket'),http://h/a\n".encode()
    )
    assert found.requests[0]["is_truncated"] is False
    assert not found.failed


def test_other_columns_are_known_by_name() -> None:
    found = import_bytes(
        b"user,request_type,name,response_time,exception,start_time\n7,POST,/buy,250.5,,1795450390.25\n"
    )
    row = found.requests[0]
    assert (row["started_at_ns"], row["ended_at_ns"]) == (
        1_795_450_390_250_000_000,
        1_795_450_390_500_500_000,
    )
    assert (row["method"], row["url"], row["thread"], row["status"], row["error"]) == (
        "POST",
        "/buy",
        "7",
        None,
        None,
    )


def test_a_listener_that_forgot_the_time_is_told_so() -> None:
    with pytest.raises(UnusableFile) as refused:
        import_bytes(b"request_type,name,response_time,exception\nGET,/a,5,\n")
    assert "start_time" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["stats", "failures", "exceptions", "stats_history"])
def test_locusts_own_files_are_refused_with_advice(taken: Take, name: str) -> None:
    with pytest.raises(UnusableFile) as refused:
        taken(SAMPLES / f"locust/locust_{name}.csv")
    assert "events.request" in (refused.value.hint or "")


@few
@given(runs, st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30))
def test_what_is_written_comes_back(sent: list[Sent], words: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(HEADER.split(","))
    for each in sent:
        failed = f"Error({words!r}, \"quoted\", 'x')" if each.status == 0 or each.status >= 500 else ""
        writer.writerow(
            [f"{each.started_us / 1e6:.6f}", "GET", "/p", each.took_us / 1000, 1, each.status, failed, "/p"]
        )
    assert triples(import_bytes(file.getvalue().encode()).requests) == expected(sent)


@few
@given(st.data())
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject) -> None:
    survives(data.draw(mangled(content("locust/locust_fast_requests.csv"))), "locust-csv")
