"""Caddy's JSON log: a real Caddy 2.6; vegeta's headers in its lines join them exactly with the client's.

The error log was not recorded; its lines follow those that users quote in the project's issues.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from importing import SAMPLES, Imported, Take, import_bytes
from vegeta_truth import sent

FOLDER = SAMPLES / "caddy"
MICROSECOND = 1000
ERROR = {
    "level": "error",
    "ts": 1795450079.8371034,
    "logger": "http.log.error.log0",
    "msg": "dial tcp 10.1.2.3:8080: connect: connection refused",
    "request": {
        "remote_ip": "10.0.0.1",
        "remote_port": "4711",
        "method": "GET",
        "host": "shop.example",
        "uri": "/a?token=s3cr3t",
        "headers": {"Cookie": ["sid=s3cr3t"], "Authorization": ["Bearer s3cr3ts3cr3t"]},
    },
    "duration": 0.03,
    "status": 502,
    "err_id": "4fw6nwdfr",
}


@pytest.fixture
def log(taken: Take) -> Imported:
    found = taken(FOLDER / "access.log.zst")
    assert (found.source.format, found.source.rows_kept, found.source.rejects) == ("caddy-json", 170, 0)
    return found


def test_each_request_is_the_client_s_by_its_id(log: Imported) -> None:
    rows = {row["correlation_id"]: row for row in log.tables["proxy_requests"]}
    client = {each.correlation_id: each for each in sent(FOLDER)}
    assert rows.keys() == client.keys()
    for identity, each in client.items():
        row = rows[identity]
        assert each.started_at_ns < row["started_at_ns"] + 1_000_000
        if each.code:
            assert row["status"] == each.code
            assert row["ended_at_ns"] < each.ended_at_ns + 1_000_000
        assert bool(row["is_truncated"]) == each.was_cut_short
        assert (row["status"] is None) == each.gave_up


def test_the_end_is_written_and_the_start_computed() -> None:
    line = {
        "ts": 1795450076.25,
        "logger": "http.log.access",
        "msg": "handled request",
        "duration": 0.125,
        "size": 5,
        "status": 200,
        "request": {"method": "GET", "uri": "/", "host": "a"},
        "resp_headers": {"Content-Length": ["9"]},
    }
    (row,) = import_bytes(json.dumps(line).encode()).tables["proxy_requests"]
    end = int(datetime(2026, 11, 23, 16, 7, 56, 250_000, tzinfo=UTC).timestamp() * 1e6) * MICROSECOND
    assert (row["started_at_ns"], row["ended_at_ns"]) == (end - 125_000 * MICROSECOND, end)
    assert row["is_truncated"]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_an_answer_without_a_body_is_not_truncated(method: str, status: int) -> None:
    line = {
        "ts": 1795450076.25,
        "logger": "http.log.access",
        "duration": 0.1,
        "size": 0,
        "status": status,
        "request": {"method": method, "uri": "/"},
        "resp_headers": {"Content-Length": ["9"]},
    }
    assert import_bytes(json.dumps(line).encode()).column("proxy_requests", "is_truncated") == [None]


def test_the_error_log_names_the_address_and_no_secret() -> None:
    talk = {"level": "info", "ts": 1795450076.25, "logger": "tls", "msg": "cleaning storage unit"}
    found = import_bytes(b"\n".join(json.dumps(each).encode() for each in (ERROR, talk)))
    (row,) = found.tables["proxy_events"]
    assert (row["event"], row["upstream_address"], row["client_address"]) == (
        "upstream_error",
        "10.1.2.3:8080",
        "10.0.0.1:4711",
    )
    assert row["path"] == "/a?token=***"
    assert "s3cr3t" not in str(found.tables)
    assert found.source.skipped == 1
