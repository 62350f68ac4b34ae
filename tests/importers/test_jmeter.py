"""JMeter's JTL: everything about it can be configured, and its XML can be hostile."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

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
    survives,
    triples,
)

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Options

HEADER = (
    "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,"
    "grpThreads,allThreads,URL,Latency,IdleTime,Connect"
)
AT_MS = RUN_NS // 10**6


def row(
    time: object = AT_MS, elapsed: object = 20, code: str = "200", success: str = "true", failure: str = ""
) -> str:
    return f"{time},{elapsed},GET item,{code},OK,TG 1-1,text,{success},{failure},1,1,1,1,http://h/p,1,0,0"


@pytest.mark.parametrize(
    ("name", "server"), [("jmeter.jtl", "server.ndjson.gz"), ("jmeter_xml.jtl.gz", "server-xml.ndjson.gz")]
)
def test_csv_and_xml_agree_with_the_server(taken: Take, name: str, server: str) -> None:
    found = taken(SAMPLES / "jmeter" / name)
    assert len(found.requests) == 164
    assert answered(found) == delivered(f"jmeter/{server}")
    assert len(found.failed) == 78
    assert_encloses(found, f"jmeter/{server}")
    assert (found.source.written, found.source.resolution_ns) == ("start and latency", 10**6)


def test_a_java_class_instead_of_a_status_is_the_error(taken: Take) -> None:
    found = taken(SAMPLES / "jmeter/jmeter.jtl")
    kinds = Counter(
        row["error"].split(":")[0].split(".")[-1] for row in found.requests if row["status"] is None
    )
    assert kinds == {
        "SocketException": 24,
        "HttpHostConnectException": 17,
        "NoHttpResponseException": 12,
        "SocketTimeoutException": 4,
    }


def test_the_25_000th_row_may_be_the_first_that_fails() -> None:
    rows = [row(AT_MS + n) for n in range(25_000)]
    rows.append(row(AT_MS + 25_000, 3, "Non HTTP response code: java.net.SocketException", "false"))
    found = import_bytes("\n".join([HEADER, *rows]).encode())
    assert found.statuses == {200: 25_000, None: 1}


def test_a_file_without_header_has_the_columns_of_jmeter_5() -> None:
    found = import_bytes(f"{row()}\n{row(AT_MS + 5, 7, '502', 'false')}\n".encode())
    assert triples(found.requests) == [
        (RUN_NS, RUN_NS + 20 * 10**6, 200),
        (RUN_NS + 5 * 10**6, RUN_NS + 12 * 10**6, 502),
    ]


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_other_columns_and_separators_are_taken_from_the_header(separator: str) -> None:
    lines = [["success", "responseCode", "elapsed", "timeStamp"], ["false", "503", "7", str(AT_MS)]]
    found = import_bytes("\n".join(separator.join(cells) for cells in lines).encode())
    assert triples(found.requests) == [(RUN_NS, RUN_NS + 7 * 10**6, 503)]


def test_a_failure_message_may_go_on_over_lines() -> None:
    failed = row(failure='"expected ""a""\n, got\n\nb"', success="false")
    found = import_bytes(f"{HEADER}\n{failed}\n{row(AT_MS + 1)}\n".encode())
    assert [each["error"] for each in found.requests] == ['expected "a"\n, got\n\nb', None]
    assert [each["line"] for each in found.requests] == [2, 6]


def test_a_quote_that_is_never_closed_costs_one_line() -> None:
    torn = row(AT_MS, failure='"never closed')
    found = import_bytes("\n".join([HEADER, torn, *(row(AT_MS + n) for n in range(1, 300))]).encode())
    assert (found.source.rows_kept, found.source.rejects) == (299, 1)
    assert found.rejects[0]["line"] == 2


def test_a_local_date_needs_a_zone() -> None:
    date = datetime.fromtimestamp(RUN_NS / 1e9, UTC).strftime("%Y/%m/%d %H:%M:%S.000")
    file = f"{HEADER}\n{row(date)}\n".encode()
    with pytest.raises(UnusableFile) as refused:
        import_bytes(file)
    assert "--time-zone" in (refused.value.hint or "")
    found = import_bytes(file, options=Options(time_zone="UTC"))
    assert triples(found.requests) == [(RUN_NS, RUN_NS + 20 * 10**6, 200)]
    berlin = import_bytes(file, options=Options(time_zone="Europe/Berlin"))
    assert berlin.requests[0]["started_at_ns"] == RUN_NS - 3600 * 10**9


def test_a_failed_assertion_keeps_its_status_and_its_words() -> None:
    found = import_bytes(f"{HEADER}\n{row(success='false', failure='Value expected')}\n".encode())
    assert (found.requests[0]["status"], found.requests[0]["error"]) == (200, "Value expected")


def sample(time: int = AT_MS, elapsed: int = 20, code: str = "200", inside: str = "") -> str:
    attributes = f't="{elapsed}" ts="{time}" s="true" lb="x" rc={quoteattr(code)} rm="OK" tn="TG 1-1"'
    return f"<httpSample {attributes}>{inside}</httpSample>"


def document(*samples: str, end: str = "</testResults>") -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<testResults version="1.2">\n'
    return f"{head}{''.join(samples)}{end}".encode()


def test_sub_samples_belong_to_their_parent() -> None:
    found = import_bytes(document(sample(inside=sample(code="302") + sample(code="200"))))
    assert found.statuses == {200: 1}


def test_the_root_that_a_killed_run_leaves_open_is_no_error() -> None:
    found = import_bytes(document(sample(), sample(code="502"), end=""))
    assert found.statuses == {200: 1, 502: 1}
    assert found.source.rejects == 0


def test_a_sample_that_was_being_written_is_one_reject() -> None:
    whole = document(sample(), sample(code="502"))
    found = import_bytes(whole[: whole.rindex(b" tn=")])
    assert (found.source.rows_kept, found.source.rejects) == (1, 1)


def test_a_billion_laughs_are_not_expanded(tmp_path: Path) -> None:
    entities = "".join(
        f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";" if n else "ha"}{"x" * 10}">' for n in range(30)
    )
    head = f"<?xml version='1.0'?><!DOCTYPE testResults [{entities}]>"
    hostile = f"{head}<testResults>{sample(inside='&l29;')}</testResults>"
    with pytest.raises(UnusableFile) as refused:
        import_bytes(hostile.encode(), as_format="jmeter-xml")
    assert "DOCTYPE" in (refused.value.hint or "")


def test_an_external_entity_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("hunter2hunter2")
    hostile = (
        f'<?xml version="1.0"?><!DOCTYPE t [<!ENTITY x SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'
        f"<testResults>{sample(inside='<java.net.URL>&x;</java.net.URL>')}</testResults>"
    )
    assert survives(hostile.encode(), "jmeter-xml") is None


def test_nesting_without_end_and_tags_without_end_are_refused(tmp_path: Path) -> None:
    deep = import_bytes(document(sample(), "<a>" * 100_000, end=""))
    assert (deep.source.rows_kept, deep.source.rejects) == (1, 1)
    path = tmp_path / "long.jtl"
    with path.open("wb") as file:
        file.write(document(sample(), '<httpSample rm="', end=""))
        for _ in range(64):
            file.write(b"x" * (1 << 20))
    assert import_file(path).source.reject_reasons == {"refused: a tag of over 8 MB": 1}


@few
@given(runs)
def test_what_is_written_as_csv_comes_back(sent: list[Sent]) -> None:
    whole = [each.to_ms() for each in sent]
    rows = [
        row(
            each.started_us // 1000,
            each.took_us // 1000,
            str(each.status) if each.status else "Non HTTP response code: x",
        )
        for each in whole
    ]
    assert triples(import_bytes("\n".join([HEADER, *rows]).encode()).requests) == expected(whole)


@few
@given(runs)
def test_what_is_written_as_xml_comes_back(sent: list[Sent]) -> None:
    whole = [each.to_ms() for each in sent]
    samples = [
        sample(
            each.started_us // 1000,
            each.took_us // 1000,
            str(each.status) if each.status else 'Non HTTP "<x>"',
        )
        for each in whole
    ]
    assert triples(import_bytes(document(*samples)).requests) == expected(whole)


@few
@given(st.data(), st.sampled_from(["jmeter-csv", "jmeter-xml"]))
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject, name: str) -> None:
    file = {"jmeter-csv": "jmeter/jmeter.jtl", "jmeter-xml": "jmeter/jmeter_xml.jtl.gz"}[name]
    survives(data.draw(mangled(content(file))), name)
