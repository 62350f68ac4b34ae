"""Envoy's access logs: Envoy 1.40 before a server that misbehaves on schedule, and Contour's from the lab."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from importing import SAMPLES, Imported, Take, import_bytes
from vegeta_truth import pairs, sent

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Options

FOLDER = SAMPLES / "envoy"
MILLISECOND = 1_000_000


def objects(path: Path) -> list[dict[str, object]]:
    content = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    return [json.loads(line) for line in content.decode().splitlines()]


@pytest.fixture(params=["default.log", "istio_style.json.log.zst"])
def log(taken: Take, request: pytest.FixtureRequest) -> Imported:
    found = taken(FOLDER / request.param)
    assert (found.source.rows_kept, found.source.rejects) == (170, 0)
    return found


def test_text_and_json_are_told_apart(taken: Take) -> None:
    assert taken(FOLDER / "default.log").source.format == "envoy-text"
    assert taken(FOLDER / "istio_style.json.log.zst").source.format == "envoy-json"


def test_the_log_agrees_with_the_client_about_every_request(log: Imported) -> None:
    for client, row in pairs(FOLDER, log.tables["proxy_requests"]):
        assert row["started_at_ns"] + MILLISECOND > client.started_at_ns
        assert row["ended_at_ns"] <= client.ended_at_ns + MILLISECOND
        if client.code:
            assert row["status"] == client.code
            assert not row["is_truncated"]
        else:
            # The body was cut (200), or the client left before the first byte (Envoy writes 0).
            assert (row["status"], row["is_truncated"]) in ((200, True), (None, None))
    assert log.column("proxy_requests", "is_truncated").count(True) == 17


def test_truncated_requests_are_those_that_the_server_cut(taken: Take) -> None:
    # The server knows the ports from which Envoy came, and so does Envoy's JSON. A reset
    # connection is not used again: the last line of its port is the one that was cut.
    server = objects(FOLDER / "server.ndjson.zst")
    cut = {str(each["peer"]) for each in server if each.get("fate") == "rst_mid_body"}
    last_line_of_port = {
        str(each["upstream_local_address"]).rpartition(":")[2]: line
        for line, each in enumerate(objects(FOLDER / "istio_style.json.log.zst"), 1)
    }
    expected = {line for port, line in last_line_of_port.items() if port in cut}
    rows = taken(FOLDER / "istio_style.json.log.zst").tables["proxy_requests"]
    assert {row["line"] for row in rows if row["is_truncated"]} == expected
    assert len(expected) == 17


def test_flags_details_and_tries_are_kept(taken: Take) -> None:
    written = objects(FOLDER / "istio_style.json.log.zst")
    found = taken(FOLDER / "istio_style.json.log.zst")
    rows = sorted(found.tables["proxy_requests"], key=lambda row: row["line"])
    assert [row["flags"] or "-" for row in rows] == [each["response_flags"] for each in written]
    assert [row["details"] for row in rows] == [each["response_code_details"] for each in written]
    assert [row["attempts"] for row in rows] == [each["upstream_request_attempt_count"] for each in written]
    assert [row["correlation_id"] for row in rows] == [each["request_id"] for each in written]
    assert {row["upstream_addresses"] for row in rows} == {"127.0.0.1:18170"}


def test_contour_s_failures_name_the_pod(taken: Take) -> None:
    written = objects(FOLDER / "contour_access.ndjson.zst")
    found = taken(FOLDER / "contour_access.ndjson.zst")
    assert found.source.rows_kept == len(written)
    failed = [row for row in found.tables["proxy_requests"] if row["status"] == 503]
    assert Counter(row["flags"] for row in failed) == {"UF": 13, "UC": 1}
    assert Counter(row["upstream_addresses"] for row in failed) == Counter(
        each["upstream_host"] for each in written if each["response_code"] == 503
    )
    assert {row["upstream_name"] for row in failed} == {"default_demo_80"}


def test_istio_s_text_has_three_words_more() -> None:
    line = (
        b'[2026-11-23T16:07:56.211Z] "GET /item?key=s3cr3t HTTP/1.1" 503 UF '
        b"upstream_reset_before_response_started{remote_connection_failure} - "
        b'"delayed connect error: 111" 0 152 7 - "-" "curl/8" "cda746f3" "shop.example" "10.1.2.3:8080" '
        b"outbound|80||web.default.svc.cluster.local - 10.9.9.9:80 10.0.0.1:4711 - default\n"
    )
    found = import_bytes(line)
    assert found.source.format == "istio-text"
    (row,) = found.tables["proxy_requests"]
    assert (row["status"], row["flags"], row["upstream_addresses"]) == (503, "UF", "10.1.2.3:8080")
    assert row["details"] == "upstream_reset_before_response_started{remote_connection_failure}"
    assert row["upstream_name"] == "outbound|80||web.default.svc.cluster.local"
    assert (row["client_address"], row["path"]) == ("10.0.0.1:4711", "/item?key=***")


def test_envoy_gateway_names_its_keys_after_the_headers() -> None:
    line = {
        "start_time": "2026-11-23T16:07:56.211Z",
        "method": "GET",
        "x-envoy-origin-path": "/a",
        "response_code": 0,
        "response_flags": "DC",
        "response_code_details": "downstream_remote_disconnect",
        "duration": 500,
        "x-request-id": "k6-7",
        ":authority": "shop.example",
        "upstream_host": "10.1.2.3:8080",
    }
    (row,) = import_bytes(json.dumps(line).encode()).tables["proxy_requests"]
    assert (row["status"], row["flags"], row["is_truncated"]) == (None, "DC", None)
    assert (row["path"], row["host"], row["correlation_id"]) == ("/a", "shop.example", "k6-7")


def test_envoy_s_own_log_tells_when_it_took_listeners_and_clusters(taken: Take) -> None:
    text = (FOLDER / "envoy.log").read_text()
    found = taken(FOLDER / "envoy.log", time_zone="UTC")
    assert Counter(found.column("proxy_events", "event")) == {
        "config_applied": text.count("cds: added/updated") + text.count("lds: add/update listener")
    }
    assert "ingress_http" in found.column("proxy_events", "subject")
    with pytest.raises(UnusableFile, match="zone"):
        taken(FOLDER / "envoy.log")


def test_contour_s_own_log_is_refused_with_advice() -> None:
    with pytest.raises(UnusableFile) as refusal:
        import_bytes((FOLDER / "contour.log").read_bytes())
    assert "access log" in str(refusal.value.hint)


def test_json_without_a_duration_is_refused_with_advice() -> None:
    with pytest.raises(UnusableFile, match="duration"):
        import_bytes(b'{"start_time":"2026-11-23T16:07:56.211Z","response_code":200,"response_flags":"-"}\n')


def test_envoy_s_talk_among_its_requests_is_passed_over() -> None:
    request = (FOLDER / "default.log").read_bytes().splitlines(keepends=True)[0]
    talk = b"[2026-11-23 17:28:44.428][15307][info][admin] [source/server/admin/admin.cc:66] admin address\n"
    found = import_bytes(request + talk, options=Options())
    assert (found.source.rows_kept, found.source.skipped, found.source.rejects) == (1, 1, 0)


def test_the_client_s_sample_is_the_one_of_this_log() -> None:
    assert len(sent(FOLDER)) == 170
