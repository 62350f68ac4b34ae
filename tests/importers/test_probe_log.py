"""What `zdtrace probe` writes, `zdtrace import` reads: requests, and apart from them those to the canary."""

from __future__ import annotations

from importing import import_bytes

from zdtrace.collectors.probing import Sent
from zdtrace.importers import named

NS = 1_795_450_667_000_000_000


def line(number: int, **rest: object) -> str:
    values: dict[str, object] = {
        "lane": "new", "is_canary": False, "intended_at_ns": NS + number, "started_at_ns": NS + number + 5,
        "ended_at_ns": NS + number + 1_000, "request_id": f"run-{number}", "method": "GET",
        "url": "http://example.com/demo", "status": 200, "is_reused": False, "is_truncated": False, **rest,
    }
    return Sent(**values).as_line()  # type: ignore[arg-type]


def test_a_request_keeps_when_it_was_due_and_on_what_connection() -> None:
    found = import_bytes(line(0, is_reused=True, pod="demo-1").encode(), name="probe.ndjson")
    assert found.source.format == "zdtrace-probe"
    (row,) = found.tables["requests"]
    assert (row["intended_at_ns"], row["started_at_ns"], row["ended_at_ns"]) == (NS, NS + 5, NS + 1_000)
    assert row["is_connection_reused"] is True
    assert (row["correlation_id"], row["pod_name"], row["status"]) == ("run-0", "demo-1", 200)
    assert row["error"] is None


def test_the_canary_is_no_request_of_the_test() -> None:
    lines = [line(0), line(1, is_canary=True, status=None, error="connection refused"), line(2, is_canary=True)]
    found = import_bytes("".join(lines).encode(), name="probe.ndjson")
    assert len(found.tables["requests"]) == 1
    assert [row["error"] for row in found.tables["canary_requests"]] == ["connection refused", None]


def test_a_failure_without_words_is_still_one() -> None:
    found = import_bytes(line(0, status=None).encode(), name="probe.ndjson")
    assert found.tables["requests"][0]["error"] == "no response"


def test_broken_lines_are_rejects() -> None:
    backwards = line(1, ended_at_ns=NS)
    text = line(0) + backwards + '{"probe":1,"lane":"new"}\n' + "nonsense\n" + line(2)[:40] + "\n"
    found = import_bytes(text.encode(), name="probe.ndjson")
    assert len(found.tables["requests"]) == 1
    assert found.source.rejects == 4


def test_it_is_known_by_name() -> None:
    assert named("zdtrace-probe").title == "zdtrace probe"
