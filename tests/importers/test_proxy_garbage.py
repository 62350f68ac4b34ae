"""Hostile proxies' logs: whatever a line holds is kept, skipped or counted, and no secret is written down."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importing import SAMPLES, import_bytes

from zdtrace.errors import UnusableFile
from zdtrace.importers import named
from zdtrace.importers.base import Options
from zdtrace.importers.taking import take
from zdtrace.recording.store import extend

OPTIONS = Options(time_zone="UTC", year=2026)
TRAEFIK = (
    b'{"ClientAddr":"10.0.0.1:1","Duration":3454189,"DownstreamStatus":502,"OriginStatus":502,'
    b'"RequestMethod":"GET","RequestPath":"/","RetryAttempts":1,"ServiceAddr":"10.1.0.8:80","StartUTC":"2026-11-23T16:07:56.1Z"}\n'
)
CLF = (
    b'10.0.0.1 - - [23/Nov/2026:16:07:56 +0000] "GET / HTTP/1.1" 502 11 "-" "curl/8" 17 '
    b'"web" "http://10.1.0.8:80" 4ms\n'
)
LOGS = {
    "nginx-json": "nginx/json.log.zst",
    "nginx-combined": "nginx/combined.log",
    "nginx-main": "nginx/nginx_inc_main.log",
    "ingress-nginx": "nginx/ingress_nginx_upstreaminfo.log",
    "nginx-error": "nginx/error.log",
    "nginx-kic": "nginx-kic/ingress-controller.log",
    "ingress-nginx-controller": "nginx-kic/error.log",
    "haproxy-httplog": "haproxy/httplog.log",
    "envoy-text": "envoy/default.log",
    "envoy-json": "envoy/istio_style.json.log.zst",
    "envoy-log": "envoy/envoy.log",
    "caddy-json": "caddy/access.log.zst",
    "kube-proxy": "kube-proxy/kube-proxy.log",
}


def some_lines(importer: str) -> list[bytes]:
    """Return six lines from all over the sample, whole ones."""
    if importer == "traefik-json":
        return [TRAEFIK.rstrip()]
    if importer == "traefik-clf":
        return [CLF.rstrip()]
    path: Path = SAMPLES / LOGS[importer]
    content = path.read_bytes()
    if path.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(content).read()
    lines = content.splitlines()
    telling = [
        line for line in lines if re.search(rb"SyncProxyRules|update listener|configVersion|SIGHUP", line)
    ]
    return [*telling[:2], *lines[:: max(1, len(lines) // 6)]][:6]


@st.composite
def mutated(draw: st.DrawFn, line: bytes) -> bytes:
    """Cut something out of a line and put noise in its place; once or twice."""
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(line)))
        until = draw(st.integers(at, min(len(line), at + 30)))
        noise = draw(
            st.one_of(
                st.binary(max_size=12),
                st.sampled_from([b'"', b"{", b"\\", b"NaN", b"-1", b"9" * 40, b"\xff"]),
            )
        )
        line = line[:at] + noise + line[until:]
    return line


@pytest.mark.parametrize("importer", [*LOGS, "traefik-json", "traefik-clf"])
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_broken_line_never_breaks_the_import(importer: str, data: st.DataObject) -> None:
    lines = [data.draw(mutated(line)) for line in some_lines(importer)]
    with suppress(UnusableFile):  # the account is checked by import_bytes
        import_bytes(b"\n".join(lines) + b"\n", options=OPTIONS, as_format=importer)


@pytest.mark.parametrize("importer", [*LOGS, "traefik-json", "traefik-clf"])
def test_a_file_of_something_else_is_refused_or_rejected_line_by_line(importer: str) -> None:
    for content in (b"", b"hello\n", b"[1, 2]\n", b'{"a":', b"null\n{}\n", b"\x00\x01\x02\n"):
        try:
            found = import_bytes(content, options=OPTIONS, as_format=importer)
        except UnusableFile:
            continue
        assert found.source.rows_kept == 0


SECRET = "hunter2" * 2
PLACES = (b"GET /", b'"-"', b'"path":"', b'"uri":"/', b'"RequestPath":"', b"HTTP/1.1", b"failed", b": ")
PLANTED = [
    f"/login?password={SECRET}",
    f"/a?x=1&token={SECRET}&y=2",
    f"https://bob:{SECRET}@shop.example/",
]
HEADERS = [f"Authorization: Bearer {SECRET}", f"Cookie: sid={SECRET}; b=c", f"X-Api-Key: {SECRET}"]


@pytest.mark.parametrize("importer", [*LOGS, "traefik-json", "traefik-clf"])
def test_no_secret_in_a_line_gets_into_the_files(importer: str) -> None:
    written: list[bytes] = []
    for line, secret in product(some_lines(importer), [*PLANTED, *HEADERS]):
        written += [line.replace(place, place + secret.encode(), 1) for place in PLACES if place in line]
        written.append(line + secret.encode())
        written.append(line[: len(line) // 2] + secret.encode())
    with TemporaryDirectory() as folder:
        log, recording = Path(folder) / "some.log", Path(folder) / "some.zdtrace"
        log.write_bytes(b"\n".join([*written, *some_lines(importer)]) + b"\n")
        with extend(recording) as writer:
            take(writer, log, named(importer), OPTIONS)
        files = [path for path in recording.rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert SECRET.encode() not in unpacked(path), path.name


def unpacked(path: Path) -> bytes:
    """Return the bytes of a file; of Parquet, which is compressed, all of its values as text."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    import duckdb

    with duckdb.connect() as db:
        rows = db.execute("select * from read_parquet(?)", [str(path)]).fetchall()
    return path.read_bytes() + repr(rows).encode()
