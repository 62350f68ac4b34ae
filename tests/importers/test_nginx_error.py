"""nginx' error log: the lab's, stamped by containerd, and one with the access log of its requests."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest
import zstandard
from importing import SAMPLES, Take, import_bytes
from vegeta_truth import sent

from zdtrace.errors import UnusableFile, UsageError
from zdtrace.importers.base import Options

ERRORS, STAMPED = SAMPLES / "nginx" / "error.log", SAMPLES / "nginx-kic" / "error.log"
UTC_ZONE = Options(time_zone="UTC")
SECOND = 1_000_000_000
LINE = (
    b"2026/11/23 16:07:56 [error] 28#28: *17 connect() failed (111: Connection refused) while connecting "
    b'to upstream, client: 127.0.0.1, server: , request: "GET /item?token=s3cr3t HTTP/1.1", '
    b'upstream: "http://10.0.0.9:8080/item?token=s3cr3t", host: "shop.example"\n'
)


def test_an_error_names_pod_connection_and_request() -> None:
    (row,) = import_bytes(LINE, options=UTC_ZONE).tables["proxy_events"]
    assert (row["event"], row["upstream_address"], row["process_id"]) == (
        "upstream_error",
        "10.0.0.9:8080",
        "28",
    )
    assert (row["connection_id"], row["client_address"]) == ("17", "127.0.0.1")
    assert (row["host"], row["path"]) == ("shop.example", "/item?token=***")
    assert row["message"] == "connect() failed (111: Connection refused) while connecting to upstream"
    assert row["logged_at_ns"] == int(datetime(2026, 11, 23, 16, 7, 56, tzinfo=UTC).timestamp()) * SECOND
    assert row["resolution_ns"] == SECOND


def test_without_stamps_the_zone_is_asked_for_and_not_guessed() -> None:
    with pytest.raises(UnusableFile) as refusal:
        import_bytes(LINE)
    assert "--time-zone UTC" in str(refusal.value.hint)


@pytest.mark.parametrize(
    ("zone", "hour"), [("UTC", 16), ("+02:00", 14), ("Europe/Berlin", 15), ("-05:30", 21)]
)
def test_the_zone_moves_the_instant(zone: str, hour: int) -> None:
    found = import_bytes(LINE, options=Options(time_zone=zone))
    moment = datetime.fromtimestamp(found.tables["proxy_events"][0]["logged_at_ns"] / SECOND, UTC)
    assert moment.hour == hour


def test_a_zone_that_nobody_knows_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match="Mars"):
        import_bytes(LINE, options=Options(time_zone="Mars/Olympus"))


def test_each_body_that_the_client_saw_cut_has_its_error(taken: Take) -> None:
    found = taken(ERRORS, time_zone="UTC")
    cut = [row for row in found.tables["proxy_events"] if row["message"].startswith("readv() failed")]
    assert len(cut) == sum(each.was_cut_short for each in sent(SAMPLES / "nginx")) == 17
    assert {row["upstream_address"] for row in cut} == {"127.0.0.1:18170"}


def test_attempts_that_never_connected_are_as_many_as_the_access_log_has(taken: Take) -> None:
    access = (SAMPLES / "nginx" / "json.log.zst").read_bytes()
    attempts = [
        (connection, status)
        for line in zstandard.ZstdDecompressor().stream_reader(access).read().decode().splitlines()
        for record in [json.loads(line)]
        for connection, status in zip(
            record["upstream_connect_time"].split(", "), record["upstream_status"].split(", "), strict=True
        )
    ]
    found = taken(ERRORS, time_zone="UTC")
    messages = Counter(row["message"].split(" while ")[0] for row in found.tables["proxy_events"])
    assert messages["connect() failed (111: Connection refused)"] == 127
    assert messages["no live upstreams"] == 3
    assert attempts.count(("-", "502")) == 127 + 3


def test_the_runtime_s_stamp_is_better_than_nginx_own_second(taken: Take) -> None:
    found = taken(STAMPED)
    first = next(row for row in found.tables["proxy_events"] if row["event"] == "reload_began")
    stamp = datetime(2026, 11, 23, 16, 17, 3, tzinfo=UTC)
    assert first["logged_at_ns"] == int(stamp.timestamp()) * SECOND + 735_593_479
    assert first["resolution_ns"] == 1


def test_one_reload_is_one_event_and_each_worker_comes_and_goes(taken: Take) -> None:
    text = STAMPED.read_text()
    events = taken(STAMPED).tables["proxy_events"]
    counts = Counter(row["event"] for row in events)
    assert counts["reload_began"] == text.count("(SIGHUP) received") == 6
    started = [row["process_id"] for row in events if row["event"] == "worker_started"]
    exited = [row["process_id"] for row in events if row["event"] == "worker_exited"]
    assert started == re.findall(r"start worker process (\d+)", text)
    assert exited == re.findall(r"worker process (\d+) exited", text)
    assert counts["upstream_disabled"] == text.count("temporarily disabled")
    assert counts["upstream_error"] == text.count("[error]")


@pytest.mark.parametrize(
    ("message", "event", "address"),
    [
        (
            "no live upstreams while connecting to upstream, client: 1.2.3.4, "
            'upstream: "http://default-demo-80/x"',
            "upstream_error",
            "default-demo-80",
        ),
        (
            "upstream timed out (110: Connection timed out) while connecting to upstream, client: 1.2.3.4, "
            'upstream: "http://[fd00::1]:8080/x"',
            "upstream_error",
            "[fd00::1]:8080",
        ),
        (
            "upstream prematurely closed connection while reading upstream, client: 1.2.3.4",
            "upstream_error",
            None,
        ),
        (
            "peer closed connection in SSL handshake while SSL handshaking to upstream, client: 1.2.3.4",
            "upstream_error",
            None,
        ),
        (
            "demo.default.svc could not be resolved (3: Host not found), client: 1.2.3.4",
            "upstream_error",
            None,
        ),
        ('limiting requests, excess: 5.1 by zone "one", client: 1.2.3.4', "upstream_error", None),
    ],
)
def test_what_counts_as_an_upstream_s_error(message: str, event: str, address: str | None) -> None:
    line = f"2026/11/23 16:07:56 [error] 7#7: *1 {message}\n".encode()
    (row,) = import_bytes(line, options=UTC_ZONE).tables["proxy_events"]
    assert (row["event"], row["upstream_address"], row["client_address"]) == (event, address, "1.2.3.4")


@pytest.mark.parametrize(
    "message",
    [
        "*1 client 1.2.3.4 closed keepalive connection",
        "*1 recv() failed (104: Connection reset by peer) while waiting for request, client: 1.2.3.4",
        "*1 epoll_wait() reported that client prematurely closed connection, so upstream is closed too",
        "*1 SSL_do_handshake() failed (SSL: error) while SSL handshaking, client: 1.2.3.4",
        "signal 17 (SIGCHLD) received from 421",
    ],
)
def test_what_is_no_fault_of_an_upstream_is_passed_over_and_counted(message: str) -> None:
    found = import_bytes(LINE + f"2026/11/23 16:07:56 [info] 7#7: {message}\n".encode(), options=UTC_ZONE)
    assert (found.source.rows_kept, found.source.skipped, found.source.rejects) == (1, 1, 0)
