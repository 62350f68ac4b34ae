"""ghz, h2load, curl in a loop, autocannon's events."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing import SAMPLES, Take, import_bytes, import_file
from truth import (
    RUN_NS,
    Sent,
    answered,
    assert_encloses,
    content,
    delivered,
    expected,
    few,
    mangled,
    runs,
    served,
    survives,
    triples,
)

from zdtrace.errors import UnusableFile
from zdtrace.importers.ghz import HTTP_OF_GRPC


def iso(moment_us: int) -> str:
    return f"{datetime.fromtimestamp(moment_us // 10**6, UTC):%Y-%m-%dT%H:%M:%S}.{moment_us % 10**6:06}Z"


# ghz


def test_ghz_agrees_with_its_own_summary(taken: Take) -> None:
    found = taken(SAMPLES / "ghz/ghz.json")
    report = json.loads((SAMPLES / "ghz/ghz.json").read_text())
    assert len(found.requests) == report["count"]
    assert found.statuses == Counter(
        {HTTP_OF_GRPC[name]: n for name, n in report["statusCodeDistribution"].items()}
    )
    assert Counter(row["error"] for row in found.requests if row["error"]) == report["errorDistribution"]


def test_ghz_writes_the_end(taken: Take) -> None:
    found = taken(SAMPLES / "ghz/ghz.json")
    meta = json.loads((SAMPLES / "ghz/meta.json").read_text())
    slow = [row for row in found.requests if row["status"] == 504]
    assert len(slow) == 4
    # The server was slow for 1.5 s: calls began in that time and ended a second, the limit, later.
    phase = next(each["t"] * 1e9 for each in meta["server_phases"] if each.get("phase") == "slow")
    assert all(phase - 2e8 < row["started_at_ns"] < phase + 1.6e9 for row in slow)
    assert all(row["ended_at_ns"] - row["started_at_ns"] > 9e8 for row in slow)


def test_ghz_as_csv_has_no_time_and_is_refused(taken: Take) -> None:
    with pytest.raises(UnusableFile) as refused:
        taken(SAMPLES / "ghz/ghz.csv")
    assert "-O json" in (refused.value.hint or "")


@few
@given(runs, st.integers(0, 3))
def test_what_is_written_as_ghz_comes_back(sent: list[Sent], indent: int) -> None:
    names = {
        0: "Unavailable",
        200: "OK",
        503: "Unavailable",
        504: "DeadlineExceeded",
        500: "Internal",
        429: "ResourceExhausted",
    }
    known = [each for each in sent if each.status in names]
    details = [
        {
            "timestamp": iso(each.started_us + each.took_us),
            "latency": each.took_us * 1000,
            "error": "",
            "status": names[each.status],
        }
        for each in known
    ]
    document = {"endReason": "normal", "options": {"details": "[not these]"}, "count": 1, "details": details}
    found = import_bytes(json.dumps(document, indent=indent or None).encode())
    assert triples(found.requests) == expected(
        [Sent(e.started_us, e.took_us, e.status or 503) for e in known]
    )


def test_a_report_that_was_cut_off_keeps_what_is_whole() -> None:
    found = import_bytes(content("ghz/ghz.json")[:20_000])
    assert found.source.rejects == 1
    assert len(found.requests) > 80


# h2load


def test_h2load_leaves_out_what_failed(taken: Take) -> None:
    found = taken(SAMPLES / "h2load/h2load.tsv")
    assert answered(found) == delivered("h2load/server.ndjson.gz")
    assert_encloses(found, "h2load/server.ndjson.gz")
    assert "148 failed" in (SAMPLES / "h2load/stdout.txt").read_text()
    assert not found.source.shows_failures


@few
@given(runs)
def test_what_is_written_as_h2load_comes_back(sent: list[Sent]) -> None:
    lines = [f"{each.started_us}\t{each.status or -1}\t{each.took_us}" for each in sent]
    assert triples(import_bytes("\n".join(lines).encode()).requests) == expected(sent)


# curl


def test_a_200_with_an_exit_code_is_a_body_that_was_cut_short(taken: Take) -> None:
    found = taken(SAMPLES / "curl/curl_writeout.tsv")
    lines = [line.split("\t") for line in (SAMPLES / "curl/curl_writeout.tsv").read_text().splitlines()]
    assert len(found.requests) == len(lines) == 200
    assert len(found.failed) == sum(cells[2] != "0" or cells[1] >= "500" for cells in lines)
    cut = [row for row in found.requests if row["is_truncated"]]
    assert len(cut) == sum(cells[1] == "200" and cells[2] != "0" for cells in lines) == 17
    assert {row["error"] for row in cut} == {"Recv failure: Connection reset by peer (exit 56)"}


def test_curls_start_lies_before_the_server_saw_the_request(taken: Take) -> None:
    found = taken(SAMPLES / "curl/curl_writeout.tsv")
    seen = sorted(each.started_at_ns for each in served("curl/server.ndjson.gz") if each.phase == "ok")
    first = min(row["started_at_ns"] for row in found.requests)
    assert 0 < seen[0] - first < 10**9


def test_curls_json_has_no_time_and_is_refused_with_the_format_that_has(taken: Take) -> None:
    with pytest.raises(UnusableFile) as refused:
        taken(SAMPLES / "curl/curl_json.ndjson")
    assert '\\"start\\"' in (refused.value.hint or "")
    assert "%{json}" in (refused.value.hint or "")


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_curls_json_with_a_time_is_read(is_wrapped: bool) -> None:
    lines = []
    for number, line in enumerate(content("curl/curl_json.ndjson").decode().splitlines()):
        time, transfer = {"start": iso(RUN_NS // 1000 + number)}, json.loads(line)
        lines.append(json.dumps({**time, "curl": transfer} if is_wrapped else {**time, **transfer}))
    found = import_bytes("\n".join(lines).encode())
    assert [row["started_at_ns"] for row in found.requests] == [RUN_NS + n * 1000 for n in range(20)]
    assert found.statuses == {200: 20}
    assert {row["method"] for row in found.requests} == {"GET"}


@few
@given(runs)
def test_what_is_written_as_a_curl_line_comes_back(sent: list[Sent]) -> None:
    lines = [
        f"{iso(each.started_us)}\t{each.status:03}\t{0 if each.status else 7}\t\t{each.took_us / 1e6:.6f}\t0\thttp://h/?a=b"
        for each in sent
    ]
    found = import_bytes("\n".join(lines).encode())
    assert triples(found.requests) == expected(sent)
    assert {row["url"] for row in found.requests} == {"http://h/?a=***"}


# autocannon


def test_autocannons_events_are_ends(taken: Take) -> None:
    found = taken(SAMPLES / "autocannon/autocannon_hook.ndjson.gz")
    assert len(found.requests) == 1500
    events = Counter(
        json.loads(line)["ev"] for line in content("autocannon/autocannon_hook.ndjson.gz").splitlines()
    )
    assert found.statuses[None] == events["reqError"] == 1440
    assert_encloses(found, "autocannon/server-hook.ndjson.gz")


@few
@given(runs)
def test_what_a_hook_writes_comes_back(sent: list[Sent]) -> None:
    whole = [each.to_ms() for each in sent]
    lines = [
        json.dumps(
            {
                "t": each.ended_at_ns // 10**6,
                "ev": "response",
                "status": each.status,
                "bytes": 1,
                "ms": each.took_us / 1000,
            }
        )
        for each in whole
    ]
    assert triples(import_bytes("\n".join(lines).encode()).requests) == expected(whole)


_FILES = {
    "ghz-json": "ghz/ghz.json",
    "h2load": "h2load/h2load.tsv",
    "curl-tsv": "curl/curl_writeout.tsv",
    "curl-json": "curl/curl_json.ndjson",
    "autocannon-hook": "autocannon/autocannon_hook.ndjson.gz",
}


@few
@given(st.data(), st.sampled_from(sorted(_FILES)))
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject, name: str) -> None:
    survives(data.draw(mangled(content(_FILES[name]))), name)


@pytest.mark.parametrize("path", sorted((SAMPLES / "refused").iterdir()), ids=lambda path: path.name)
def test_files_without_single_requests_are_refused_with_advice(path: Path) -> None:
    with pytest.raises(UnusableFile) as refused:
        import_file(path)
    assert refused.value.hint
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("name", ["jmeter/plan.jmx", "autocannon/autocannon.json"])
def test_a_plan_and_a_sum_are_refused_too(name: str) -> None:
    with pytest.raises(UnusableFile):
        import_file(SAMPLES / name)


def test_two_reports_of_ghz_in_one_file_are_both_read() -> None:
    report = (SAMPLES / "ghz/ghz.json").read_bytes()
    calls = json.loads(report)["count"]
    assert len(import_bytes(report + report).requests) == 2 * calls
    cut = import_bytes(report + report[: len(report) // 2])
    assert calls < len(cut.requests) < 2 * calls
    assert len(cut.rejects) == 1
