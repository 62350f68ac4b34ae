"""Traefik's access log. No Traefik ran for these: the lines follow its documentation and its users."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from importing import import_bytes

SECOND = 1_000_000_000
JSON = {
    "ClientAddr": "10.0.0.1:52654",
    "ClientHost": "10.0.0.1",
    "DownstreamContentSize": 397,
    "DownstreamStatus": 502,
    "Duration": 3454189,
    "OriginContentSize": 397,
    "OriginDuration": 3427197,
    "OriginStatus": 502,
    "RequestHost": "shop.example",
    "RequestMethod": "GET",
    "RequestPath": "/cart?token=s3cr3t",
    "RetryAttempts": 1,
    "RouterName": "web@kubernetes",
    "ServiceAddr": "10.1.0.8:8000",
    "ServiceName": "default-web-80@kubernetes",
    "ServiceURL": "http://10.1.0.8:8000",
    "StartUTC": "2026-11-23T16:07:56.189830187Z",
    "entryPointName": "web",
    "level": "info",
    "msg": "",
    "request_X-Request-Id": "k6-17",
    "request_Cookie": "sid=s3cr3t",
    "time": "2026-11-23T16:07:56Z",
}
START = int(datetime(2026, 11, 23, 16, 7, 56, tzinfo=UTC).timestamp()) * SECOND
CLF = (
    b'10.0.0.1 - - [23/Nov/2026:16:07:56 +0000] "GET /cart?token=s3cr3t HTTP/1.1" 502 11 "-" "curl/8" 17 '
    b'"web@kubernetes" "http://10.1.0.8:8000" 4ms\n'
)


def test_json_has_the_start_in_nanoseconds_and_the_pod() -> None:
    found = import_bytes(json.dumps(JSON).encode())
    assert found.source.format == "traefik-json"
    (row,) = found.tables["proxy_requests"]
    assert row["started_at_ns"] == START + 189_830_187
    assert row["ended_at_ns"] - row["started_at_ns"] == 3_454_189
    assert (row["status"], row["upstream_addresses"], row["upstream_statuses"]) == (
        502,
        "10.1.0.8:8000",
        "502",
    )
    assert (row["attempts"], row["correlation_id"], row["path"]) == (2, "k6-17", "/cart?token=***")
    assert "s3cr3t" not in str(found.tables)


@pytest.mark.parametrize("url", ["http://10.1.0.8:8000", {"Scheme": "http", "Host": "10.1.0.8:8000"}])
def test_older_versions_have_the_pod_in_the_url_only(url: object) -> None:
    line = {**{key: value for key, value in JSON.items() if key != "ServiceAddr"}, "ServiceURL": url}
    found = import_bytes(json.dumps(line).encode())
    assert found.column("proxy_requests", "upstream_addresses") == ["10.1.0.8:8000"]


def test_an_answer_of_traefik_itself_has_no_upstream() -> None:
    line = {key: value for key, value in JSON.items() if not key.startswith(("Service", "Origin", "Retry"))}
    (row,) = import_bytes(json.dumps({**line, "DownstreamStatus": 404}).encode()).tables["proxy_requests"]
    assert (row["status"], row["upstream_addresses"], row["upstream_statuses"], row["attempts"]) == (
        404,
        None,
        None,
        None,
    )


def test_traefik_s_own_log_in_the_same_stream_is_passed_over() -> None:
    talk = b'{"level":"info","time":"2026-11-23T16:07:55Z","message":"Starting provider"}\n'
    found = import_bytes(talk + json.dumps(JSON).encode() + b"\n")
    assert (found.source.rows_kept, found.source.skipped, found.source.rejects) == (1, 1, 0)


def test_common_log_format_has_whole_seconds() -> None:
    found = import_bytes(CLF)
    assert found.source.format == "traefik-clf"
    (row,) = found.tables["proxy_requests"]
    assert (row["started_at_ns"], row["resolution_ns"]) == (START, SECOND)
    assert row["ended_at_ns"] - row["started_at_ns"] == 4_000_000
    assert (row["status"], row["path"], row["upstream_addresses"]) == (
        502,
        "/cart?token=***",
        "10.1.0.8:8000",
    )
