"""HAProxy's httplog: a real HAProxy 2.6 before a server that misbehaves on schedule and one that is dead."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from importing import SAMPLES, Imported, Take, import_bytes
from vegeta_truth import sent

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Options

FOLDER = SAMPLES / "haproxy"
MILLISECOND = 1_000_000
REFUSED = (
    b"127.0.0.1:35603 [23/Nov/2026:16:07:59.880] fe be/pod2 0/0/-1/-1/2 503 217 - - SC-- 3/3/0/0/+1 0/0 "
    b'"GET /px/item?id=1 HTTP/1.1"\n'
)


@pytest.fixture
def log(taken: Take) -> Imported:
    found = taken(FOLDER / "httplog.log", time_zone="UTC")
    assert (found.source.format, found.source.rows_kept, found.source.rejects) == ("haproxy-httplog", 170, 0)
    return found


def test_every_request_of_the_client_is_there_with_its_status(log: Imported) -> None:
    client = sent(FOLDER)
    gave_up = sum(each.gave_up for each in client)
    whole = Counter(row["status"] for row in log.tables["proxy_requests"] if not row["is_truncated"])
    seen = Counter(each.code for each in client if each.code)
    # HAProxy goes on after the client has left, and writes what the client would have got.
    assert (whole - seen).total() == gave_up == 7
    assert not seen - whole


def test_a_200_that_the_server_cut_is_truncated(log: Imported) -> None:
    rows = log.tables["proxy_requests"]
    cut = [row for row in rows if row["is_truncated"]]
    assert len(cut) == sum(each.was_cut_short for each in sent(FOLDER)) == 17
    assert {(row["status"], row["flags"]) for row in cut} == {(200, "SD--")}
    assert {row["is_truncated"] for row in rows if row["flags"] is None} == {False}


def test_refused_is_told_from_cut_and_from_silence(log: Imported) -> None:
    (row,) = import_bytes(REFUSED, options=Options(time_zone="UTC")).tables["proxy_requests"]
    assert (row["upstream_statuses"], row["upstream_connect_times_s"], row["upstream_header_times_s"]) == (
        "-",
        "-",
        "-",
    )
    assert (row["upstream_name"], row["upstream_addresses"], row["attempts"]) == ("be", "pod2", 2)
    silent = next(row for row in log.tables["proxy_requests"] if row["flags"] == "sH--")
    assert (silent["status"], silent["upstream_statuses"]) == (504, "-")
    assert float(silent["upstream_connect_times_s"]) < 1
    assert silent["ended_at_ns"] - silent["started_at_ns"] >= 1000 * MILLISECOND


def test_a_line_holds_the_start_in_local_milliseconds() -> None:
    (row,) = import_bytes(REFUSED, options=Options(time_zone="+01:00")).tables["proxy_requests"]
    start = int(datetime(2026, 11, 23, 15, 7, 59, tzinfo=UTC).timestamp()) * 1000 + 880
    assert (row["started_at_ns"], row["resolution_ns"]) == (start * MILLISECOND, MILLISECOND)
    assert row["ended_at_ns"] - row["started_at_ns"] == 2 * MILLISECOND
    assert row["path"] == "/px/item?id=***"


def test_the_zone_is_asked_for_unless_syslog_tells_it() -> None:
    with pytest.raises(UnusableFile) as refusal:
        import_bytes(REFUSED)
    assert "--time-zone" in str(refusal.value.hint)
    rfc5424 = b"<134>1 2026-11-23T17:07:59.882+01:00 lb haproxy 77 - - " + REFUSED
    (row,) = import_bytes(rfc5424).tables["proxy_requests"]
    (local,) = import_bytes(REFUSED, options=Options(time_zone="+01:00")).tables["proxy_requests"]
    assert row["started_at_ns"] == local["started_at_ns"]
    old_syslog = b"Nov 23 16:07:59 lb haproxy[77]: " + REFUSED
    assert import_bytes(old_syslog, options=Options(time_zone="UTC")).source.rows_kept == 1


def test_no_server_and_a_request_that_never_came() -> None:
    line = (
        b"10.0.0.1:4711 [23/Nov/2026:16:07:59.880] fe fe/<NOSRV> -1/-1/-1/-1/5000 408 212 - - cR-- "
        b'1/1/0/0/0 0/0 "<BADREQ>"\n'
    )
    (row,) = import_bytes(line, options=Options(time_zone="UTC")).tables["proxy_requests"]
    assert (row["status"], row["flags"], row["method"], row["path"]) == (408, "cR--", None, None)
    assert (row["upstream_addresses"], row["upstream_statuses"], row["attempts"]) == (None, None, None)


def test_captured_headers_are_read_over_and_never_kept() -> None:
    line = REFUSED.replace(b'0/0 "GET', b'0/0 {shop.example|sid=s3cr3t} {} "GET')
    found = import_bytes(line, options=Options(time_zone="UTC"))
    assert found.source.rows_kept == 1
    assert "s3cr3t" not in str(found.tables)
