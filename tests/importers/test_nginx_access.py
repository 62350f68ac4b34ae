"""nginx' access logs: a real nginx 1.22 before a server that misbehaves, and users' own formats."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from importing import SAMPLES, Take, import_bytes
from vegeta_truth import pairs, sent

from zdtrace.errors import UnusableFile, UsageError
from zdtrace.importers.base import Options
from zdtrace.importers.nginx_log_format import compiled, log_format_of

NGINX = SAMPLES / "nginx"
MILLISECOND, SECOND = 1_000_000, 1_000_000_000


def lines_of(name: str) -> list[str]:
    path = NGINX / name
    with path.open("rb") as file:
        content = (
            zstandard.ZstdDecompressor().stream_reader(file).read() if path.suffix == ".zst" else file.read()
        )
    return content.decode().splitlines()


def test_a_json_line_is_written_at_the_end_and_dated_back_by_its_latency() -> None:
    found = import_bytes(
        b'{"msec":"1795450076.225","request_time":"0.012","status":"200","request":"GET /demo HTTP/1.1"}\n'
    )
    (row,) = found.tables["proxy_requests"]
    assert row["ended_at_ns"] == 1_795_450_076_225 * MILLISECOND
    assert row["started_at_ns"] == 1_795_450_076_213 * MILLISECOND
    assert row["resolution_ns"] == MILLISECOND


def test_the_json_log_agrees_with_the_client_about_every_request(taken: Take) -> None:
    found = taken(NGINX / "json.log.zst")
    assert (found.source.format, found.source.rows_kept, found.source.rejects) == ("nginx-json", 170, 0)
    for client, row in pairs(NGINX, found.tables["proxy_requests"]):
        assert row["started_at_ns"] + MILLISECOND > client.started_at_ns
        assert row["ended_at_ns"] < client.ended_at_ns + MILLISECOND
        if client.code:
            assert row["status"] == client.code
        elif client.was_cut_short:
            assert row["status"] == 200
        else:
            assert client.gave_up
            assert row["status"] == 499


def test_a_body_cut_short_is_not_known_to_the_access_log(taken: Take) -> None:
    found = taken(NGINX / "json.log.zst")
    assert set(found.column("proxy_requests", "is_truncated")) == {None}
    assert sum(each.was_cut_short for each in sent(NGINX)) == 17


def test_lists_of_attempts_are_kept_as_nginx_wrote_them(taken: Take) -> None:
    written = [json.loads(line) for line in lines_of("json.log.zst")]
    rows = sorted(taken(NGINX / "json.log.zst").tables["proxy_requests"], key=lambda row: row["line"])
    assert [row["upstream_statuses"] for row in rows] == [each["upstream_status"] for each in written]
    assert [row["upstream_connect_times_s"] for row in rows] == [
        each["upstream_connect_time"] for each in written
    ]
    assert [row["upstream_addresses"] for row in rows] == [each["upstream_addr"] for each in written]
    retried = next(row for row in rows if row["upstream_statuses"] == "502, 200")
    assert retried["upstream_addresses"] == "127.0.0.1:18169, 127.0.0.1:18170"
    assert retried["upstream_connect_times_s"] == "-, 0.000"
    assert (retried["connection_id"], retried["proxy_request_id"]) == (
        "1",
        "e596308f108f3f5757147324651783ac",
    )


def test_ingress_nginx_default_format_has_the_attempts_too(taken: Take) -> None:
    text, as_json = taken(NGINX / "ingress_nginx_upstreaminfo.log"), taken(NGINX / "json.log.zst")
    assert text.source.format == "ingress-nginx"
    names = (
        "line",
        "status",
        "path",
        "upstream_addresses",
        "upstream_statuses",
        "upstream_response_times_s",
        "proxy_request_id",
        "bytes_sent",
    )
    ours, theirs = (
        sorted(tuple(row[name] for name in names) for row in each.tables["proxy_requests"])
        for each in (text, as_json)
    )
    assert ours == theirs
    assert set(text.column("proxy_requests", "upstream_name")) == {"default-web-80"}
    assert set(text.column("proxy_requests", "proxy")) == {"ingress-nginx"}


@pytest.mark.parametrize(
    ("name", "importer"), [("combined.log", "nginx-combined"), ("nginx_inc_main.log", "nginx-main")]
)
def test_a_log_of_whole_seconds_holds_the_true_end_within_its_second(
    taken: Take, name: str, importer: str
) -> None:
    exact = {
        row["line"]: row["ended_at_ns"] for row in taken(NGINX / "json.log.zst").tables["proxy_requests"]
    }
    found = taken(NGINX / name)
    assert found.source.format == importer
    assert len(found.tables["proxy_requests"]) == 170
    for row in found.tables["proxy_requests"]:
        assert row["ended_at_ns"] <= exact[row["line"]] < row["ended_at_ns"] + row["resolution_ns"]
    assert any("no $request_time" in note for note in found.source.notes)


def test_local_time_is_brought_to_utc() -> None:
    found = import_bytes(b'10.0.0.1 - - [23/Nov/2026:17:07:56 +0100] "GET / HTTP/1.1" 200 81 "-" "curl/8"\n')
    expected = int(datetime(2026, 11, 23, 16, 7, 56, tzinfo=UTC).timestamp()) * SECOND
    assert found.column("proxy_requests", "ended_at_ns") == [expected]


def test_json_keys_are_known_whatever_their_case_and_alias() -> None:
    line = {
        "Time": "2026-11-23T16:07:56+00:00",
        "REMOTE_ADDR": "10.0.0.1",
        "remote_port": 4711,
        "Method": "POST",
        "URI": "/cart?token=s3cr3t",
        "Host": "shop.example",
        "Status": 502,
        "Request_Time": 0.25,
        "conn_reqs": "7",
        "upstream_addr": "-",
        "upstream_status": "-",
        "x_request_id": "k6-1",
        "worker": 42,
    }
    (row,) = import_bytes(json.dumps(line).encode() + b"\n").tables["proxy_requests"]
    assert row["started_at_ns"] == row["ended_at_ns"] - 250 * MILLISECOND
    assert row["resolution_ns"] == SECOND
    assert (row["status"], row["method"], row["host"], row["path"]) == (
        502,
        "POST",
        "shop.example",
        "/cart?token=***",
    )
    assert (row["client_address"], row["process_id"], row["connection_requests"]) == (
        "10.0.0.1:4711",
        "42",
        7,
    )
    assert (row["correlation_id"], row["upstream_addresses"], row["upstream_statuses"]) == ("k6-1", None, "-")


def test_json_without_a_time_is_refused_with_advice() -> None:
    with pytest.raises(UnusableFile) as refusal:
        import_bytes(b'{"status":200,"request_time":0.1,"upstream_addr":"10.0.0.1:80"}\n')
    assert refusal.value.hint is not None
    assert "$msec" in refusal.value.hint


def test_a_retry_that_breaks_the_json_is_counted_and_a_given_format_saves_it() -> None:
    log_format = (
        '\'{"t":$msec,"rt":$request_time,"s":$status,"request":"$request",\' '
        '\'"upstream_status":$upstream_status,"upstream_addr":"$upstream_addr"}\''
    )
    lines = (
        b'{"t":1795450076.225,"rt":0.012,"s":200,"request":"GET / HTTP/1.1","upstream_status":200,'
        b'"upstream_addr":"10.0.0.1:80"}\n'
        b'{"t":1795450076.316,"rt":0.020,"s":200,"request":"GET / HTTP/1.1","upstream_status":502, 200,'
        b'"upstream_addr":"10.0.0.1:80, 10.0.0.2:80"}\n'
    )
    with_format = import_bytes(lines, options=Options(log_format=log_format), as_format="nginx-log-format")
    assert with_format.column("proxy_requests", "upstream_statuses") == ["200", "502, 200"]
    by_keys = import_bytes(
        lines.replace(b'"t"', b'"msec"').replace(b'"s"', b'"status"'), as_format="nginx-json"
    )
    assert (by_keys.source.rows_kept, by_keys.source.rejects) == (1, 1)


def test_a_format_of_ones_own_is_asked_for(tmp_path: Path) -> None:
    line = (
        '10.0.0.1 - - [23/Nov/2026:17:07:56 +0100] "GET /a HTTP/1.1" 200 8 rt=0.250 ua="10.1.1.1:80" us="200"'
    )
    with pytest.raises(UnusableFile) as refusal:
        import_bytes(line.encode())
    assert "--log-format" in str(refusal.value.hint)
    log_format = (
        '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
        'rt=$request_time ua="$upstream_addr" us="$upstream_status"'
    )
    (row,) = import_bytes(line.encode(), options=Options(log_format=log_format)).tables["proxy_requests"]
    assert row["ended_at_ns"] - row["started_at_ns"] == 250 * MILLISECOND
    assert (row["upstream_addresses"], row["path"], row["status"]) == ("10.1.1.1:80", "/a", 200)


def test_internal_redirects_keep_their_colon() -> None:
    log_format = "$msec $request_time $status $upstream_addr $upstream_status"
    line = b"1795450076.225 0.100 200 10.0.0.1:80, 10.0.0.2:80 : unix:/tmp/sock 502, 504 : 200\n"
    found = import_bytes(line, options=Options(log_format=log_format), as_format="nginx-log-format")
    (row,) = found.tables["proxy_requests"]
    assert row["upstream_addresses"] == "10.0.0.1:80, 10.0.0.2:80 : unix:/tmp/sock"
    assert row["upstream_statuses"] == "502, 504 : 200"


def test_a_format_without_a_time_is_refused() -> None:
    with pytest.raises(UsageError) as refusal:
        compiled('$remote_addr "$request" $status')
    assert "$msec" in str(refusal.value.hint)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, None),
        ({"log-format": "  "}, None),
        ({"log-format": "$msec $status"}, "$msec $status"),
        ({"log-format-upstream": "$msec"}, "$msec"),
        (
            {"log-format-upstream": '{"t":"$msec"}', "log-format-escape-json": "true"},
            'escape=json {"t":"$msec"}',
        ),
        ({"log-format": '{"t":"$msec"}', "log-format-escaping": "json"}, 'escape=json {"t":"$msec"}'),
    ],
)
def test_a_config_map_tells_the_format(data: dict[str, str], expected: str | None) -> None:
    assert log_format_of(data) == expected
    if expected:
        assert compiled(expected).time == "msec"


values = {
    "$status": st.sampled_from(["200", "502", "499"]),
    "$request_time": st.sampled_from(["0.000", "1.250"]),
    '"$request"': st.sampled_from(['"GET /a HTTP/1.1"', '"-"', '"GET /%22?a=b HTTP/2.0"']),
    "[$time_local]": st.just("[23/Nov/2026:16:07:56 +0000]"),
    "$upstream_addr": st.sampled_from(["-", "10.0.0.1:80", "10.0.0.1:80, 10.0.0.2:80", "a:1, b:2 : c:3"]),
    '"$http_user_agent"': st.sampled_from(['"curl/8 (x; y)"', '"-"']),
    "$unknown_number": st.sampled_from(["7", "-"]),
}


@settings(max_examples=15, deadline=None)
@given(st.data(), st.permutations(list(values)), st.sampled_from([" ", " | ", "; ", "\t"]))
def test_whatever_the_order_of_its_variables_a_format_reads_its_own_lines(
    data: st.DataObject, order: list[str], separator: str
) -> None:
    written = {name: data.draw(values[name]) for name in order}
    line = separator.join(["1795450076.225", *(written[name] for name in order)]) + "\n"
    log_format = separator.join(["$msec", *order])
    found = import_bytes(line.encode(), options=Options(log_format=log_format), as_format="nginx-log-format")
    (row,) = found.tables["proxy_requests"]
    assert str(row["status"]) == written["$status"]
    assert row["upstream_addresses"] == {"-": None}.get(written["$upstream_addr"], written["$upstream_addr"])
    assert (
        row["ended_at_ns"] - row["started_at_ns"] == int(float(written["$request_time"]) * 1000) * MILLISECOND
    )


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_format_or_a_clear_error(noise: str) -> None:
    line = b"1795450076.225 200\n"
    with suppress(UnusableFile, UsageError):
        import_bytes(line, options=Options(log_format=f"$msec {noise}"), as_format="nginx-log-format")


def test_statuses_are_counted_as_the_log_has_them(taken: Take) -> None:
    expected = Counter(int(line.split('" ')[1].split()[0]) for line in lines_of("combined.log"))
    assert Counter(taken(NGINX / "combined.log").column("proxy_requests", "status")) == expected


OLD = {"msec": "1763300000.000", "status": "200", "request_time": "0.001", "uri": "/"}


@pytest.mark.parametrize(("later", "new"), [
    ({**OLD, "request_id": "r"}, "request_id"),
    ({"ts": "1763300000.000", "status": "200", "request_time": "0.001", "path": "/"}, "path, ts"),
    ({**OLD, "time": "no time", "cookie": "c"}, None),
    ({**OLD, "time": "2025-11-16T13:33:20Z"}, None),
    (OLD, None),
])
def test_a_log_whose_format_changes_below_says_what_nobody_reads(later: dict[str, str], new: str | None) -> None:
    lines = [json.dumps(each) for each in [OLD] * 600 + [later] * 300]
    notes = import_bytes("\n".join(lines).encode(), as_format="nginx-json").source.notes
    assert [each for each in notes if "the format has changed" in each] == (
        [f"line 900 and others have {new}, which the first lines have not and nobody reads: the format has changed, "
         "so cut the log in two there"] if new else []
    )
