"""The NGINX controllers' logs. NGINX Inc's is the lab's own (version 1.12.5 with nginx 1.22).

The lines of ingress-nginx and of newer versions are put together from the projects' sources and issues: there
is no recording of them.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from importing import SAMPLES, Row, Take, import_bytes

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Options

LOG, ERRORS = SAMPLES / "nginx-kic" / "ingress-controller.log", SAMPLES / "nginx-kic" / "error.log"
SECOND = 1_000_000_000

INGRESS_NGINX = b"""\
-------------------------------------------------------------------------------
NGINX Ingress controller
  Release:       v1.12.1
-------------------------------------------------------------------------------
I1123 16:17:03.100000       7 controller.go:196] "Configuration changes detected, backend reload required"
2026/11/23 16:17:03 [notice] 28#28: reconfiguring
I1123 16:17:03.350000       7 controller.go:216] "Backend successfully reloaded"
I1123 16:17:03.351000       7 event.go:377] Event(v1.ObjectReference{Kind:"Pod"}): reason: 'RELOAD'
10.0.0.1 - - [23/Nov/2026:16:17:04 +0000] "GET /a?key=s3cr3t HTTP/1.1" 200 81 "-" "curl/8" 150 0.020 \
[default-web-80] [] 10.1.0.1:80, 10.1.0.2:80 0, 81 0.000, 0.019 502, 200 291ee8f3273d2aa68311ec5e665ce4b9
2026/11/23 16:17:04 [error] 31#31: *12 connect() failed (111: Connection refused) while connecting to \
upstream, client: 10.0.0.1, server: a, request: "GET /a?key=s3cr3t HTTP/1.1", \
upstream: "http://10.1.0.1:80/a", host: "a"
I1123 16:17:05.000000       7 controller.go:228] "Dynamic reconfiguration succeeded"
W1123 16:17:06.000000       7 controller.go:1112] Service "default/web" does not have any active Endpoint.
E1123 16:17:07.000000       7 controller.go:205] Unexpected failure reloading the backend:
"""


def instant(hour: int, minute: int, second: int, microsecond: int = 0) -> int:
    moment = datetime(2026, 11, 23, hour, minute, second, tzinfo=UTC)
    return int(moment.timestamp()) * SECOND + microsecond * 1000


def test_each_reload_begins_and_is_verified(taken: Take) -> None:
    text = LOG.read_text()
    found = taken(LOG)
    assert found.source.format == "nginx-kic"
    assert found.source.rejects == 0
    counts = Counter(found.column("proxy_events", "event"))
    assert counts == {
        "endpoints_seen": text.count("Endpoints demo changed"),
        "sync_began": text.count("Updating Endpoints for"),
        "reload_began": text.count("Reloading nginx with configVersion"),
        "reload_done": text.count("ensured. took"),
    }
    versions = {
        event: [row["config_version"] for row in by(found.tables["proxy_events"], event)] for event in counts
    }
    assert versions["reload_began"] == versions["reload_done"] == re.findall(r"configVersion: (\d+)", text)


def test_klog_s_own_time_is_kept_and_the_stamp_gives_the_year(taken: Take) -> None:
    first = taken(LOG).tables["proxy_events"][0]
    assert first["logged_at_ns"] == instant(16, 17, 3, 704_235)
    assert first["resolution_ns"] == 1000
    assert (first["subject"], first["event"]) == ("demo", "endpoints_seen")


def test_the_controller_and_nginx_tell_of_the_same_reloads(taken: Take) -> None:
    controller, nginx = taken(LOG).tables["proxy_events"], taken(ERRORS).tables["proxy_events"]
    seen = [row["logged_at_ns"] for row in by(nginx, "reload_began")]
    spans = zip(by(controller, "reload_began"), by(controller, "reload_done"), strict=True)
    for reconfiguring, (began, done) in zip(seen, spans, strict=True):
        assert began["logged_at_ns"] < reconfiguring < done["logged_at_ns"]
        assert 0 < done["duration_ms"] < (done["logged_at_ns"] - began["logged_at_ns"]) / 1e6


def by(rows: list[Row], event: str) -> list[Row]:
    return [row for row in rows if row["event"] == event]


def test_without_stamps_the_year_is_asked_for() -> None:
    bare = re.sub(rb"(?m)^\S+ ", b"", LOG.read_bytes())
    with pytest.raises(UnusableFile) as refusal:
        import_bytes(bare)
    assert "--year" in str(refusal.value.hint)
    found = import_bytes(bare, options=Options(year=2026))
    assert found.tables["proxy_events"][0]["logged_at_ns"] == instant(16, 17, 3, 704_235)
    assert any("UTC" in note for note in found.source.notes)


def test_a_log_that_goes_on_into_january_does_not_jump_back_a_year() -> None:
    lines = (
        b"I1231 23:59:59.900000       1 manager.go:1] Reloading nginx with configVersion: 7\n"
        b"I0101 00:00:00.100000       1 verify.go:1] success, version 7 ensured. took: 200ms\n"
    )
    began, done = import_bytes(lines, options=Options(year=2026)).tables["proxy_events"]
    assert done["logged_at_ns"] - began["logged_at_ns"] == 200_000_000
    assert done["duration_ms"] == 200


def test_the_log_of_an_ingress_nginx_pod_is_three_logs_in_one() -> None:
    found = import_bytes(INGRESS_NGINX, options=Options(year=2026))
    assert found.source.format == "ingress-nginx-controller"
    assert found.source.rejects == 0
    assert Counter(found.column("proxy_events", "event")) == {
        "reload_began": 2,
        "reload_done": 1,
        "upstream_error": 2,
        "config_applied": 1,
        "reload_failed": 1,
    }
    (request,) = found.tables["proxy_requests"]
    assert request["upstream_statuses"] == "502, 200"
    assert request["path"] == "/a?key=***"
    refused, unserved = by(found.tables["proxy_events"], "upstream_error")
    assert (refused["upstream_address"], refused["connection_id"]) == ("10.1.0.1:80", "12")
    assert unserved["subject"] == "default/web"
    assert set(found.column("proxy_events", "proxy")) == {"ingress-nginx"}


def test_a_log_that_begins_with_requests_is_the_controller_s_all_the_same() -> None:
    request = b'10.0.0.1 - - [23/Nov/2026:16:17:04 +0000] "GET /a HTTP/1.1" 200 81 "-" "curl/8" 150 0.020 '
    lines = [request + b"[default-web-80] [] 10.1.0.1:80 81 0.019 200 291ee8f3\n"] * 200
    found = import_bytes(b"".join(lines) + INGRESS_NGINX, options=Options(year=2026))
    assert found.source.rows_by_table == {"proxy_events": 7, "proxy_requests": 201}


def test_newer_versions_write_the_year_or_structured_lines() -> None:
    lines = (
        b"I20261123 16:17:03.000001   1 manager.go:1] Reloading nginx with configVersion: 3\n"
        b"time=2026-11-23T16:17:04.5Z level=INFO source=verify.go:88 "
        b'msg="success, version 3 ensured. took: 1.5s"\n'
        b'{"time":"2026-11-23T16:17:05Z","level":"INFO","msg":"Reloading nginx with configVersion: 4"}\n'
    )
    rows = import_bytes(lines).tables["proxy_events"]
    assert [(row["event"], row["config_version"]) for row in rows] == [
        ("reload_began", "3"),
        ("reload_done", "3"),
        ("reload_began", "4"),
    ]
    assert [row["logged_at_ns"] for row in rows] == [
        instant(16, 17, 3, 1),
        instant(16, 17, 4, 500_000),
        instant(16, 17, 5),
    ]
    assert rows[1]["duration_ms"] == 1500


def test_a_json_access_log_may_run_in_the_same_stream() -> None:
    lines = (
        b"I1123 16:17:03.000001   1 manager.go:1] Reloading nginx with configVersion: 3\n"
        b'{"msec":"1795450076.225","status":"502","request_time":"0.100","request":"GET /a HTTP/1.1"}\n'
    )
    found = import_bytes(lines, options=Options(year=2026))
    assert found.source.rows_by_table == {"proxy_events": 1, "proxy_requests": 1}
    (request,) = found.tables["proxy_requests"]
    assert request["ended_at_ns"] - request["started_at_ns"] == 100_000_000
    assert (request["status"], request["path"]) == (502, "/a")


def test_a_line_that_broke_off_is_counted_and_a_configuration_is_talk() -> None:
    torn = b"I1123 16:17:03.0000\nserver {\n\tlisten 80;\n}\n2026/11/23 16:17:0\n"
    found = import_bytes(INGRESS_NGINX + torn, options=Options(year=2026))
    assert found.source.rejects == 2
    assert [row["line"] for row in found.rejects] == [14, 18]
