"""What makes a recording doubtful: each check has a recording where it holds, and one where it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from zdtrace.analysis.catalog import library
from zdtrace.analysis.engine import Engine
from zdtrace.importers.batch import import_paths
from zdtrace.recording.store import extend, open_recording
from zdtrace.recording.tables import BY_NAME

SAMPLE = Path(__file__).parents[2] / "sample_data" / "rollout-ingress"
SECOND = 1_000_000_000
CHECKS = [query for query in library().values() if query.schema == "checks"]
Check = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run a check over tables given row by row: `check("gaps_in_the_watch", requests=[{...}], gaps=[{...}])`."""

    def run(name: str, **tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        with extend(tmp_path / "empty.zdtrace"):
            pass
        engine = Engine(open_recording(tmp_path / "empty.zdtrace"))
        for table, rows in tables.items():
            _fill(engine, table, rows)
        if "requests" in tables:
            _account(engine)
        engine.make(f"checks.{name}")
        return engine.rows(f"from checks.{name}")

    return run


def _fill(engine: Engine, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if table == "sources":
        for row in rows:
            known = {"clock": "client", "shows_failures": True, "resolution_ns": 1, **row}
            marks = ", ".join("?" for _ in known)
            names = ", ".join(known)
            engine.db.execute(f"insert into recording.sources ({names}) values ({marks})", list(known.values()))
        return
    engine.db.execute(f"create table main.{table} ({BY_NAME[table].ddl})")
    for row in rows:
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        engine.db.execute(f"insert into main.{table} ({names}) values ({marks})", list(row.values()))
    engine.db.execute(f"create or replace view recording.{table} as select * from main.{table}")
    engine._empty.discard(f"recording.{table}")  # what was empty when it was opened is left out of the plans
    if table == "requests":
        engine.db.execute("set variable has_client_requests = true")


def _account(engine: Engine) -> None:
    """Write down what the manifest of a real recording says of each source's requests."""
    engine.db.execute(
        "update recording.sources set request_count = coalesce(request_counts.total, 0), "
        "first_at_ns = request_counts.first_ns, last_at_ns = request_counts.last_ns "
        "from (select sources.source_id, count(requests.source_id) as total, min(started_at_ns) as first_ns, "
        "max(ended_at_ns) as last_ns from recording.sources left outer join recording.requests "
        "on sources.source_id = requests.source_id group by sources.source_id) as request_counts "
        "where sources.source_id = request_counts.source_id"
    )


def request(second: float, status: int = 200, source_id: int = 1) -> dict[str, Any]:
    start = round(second * SECOND)
    return {
        "source_id": source_id, "line": 1, "started_at_ns": start, "ended_at_ns": start + SECOND // 100,
        "resolution_ns": 1, "status": status,
    }


def seen(second: float) -> dict[str, Any]:
    return {"source_id": 9, "line": 1, "observed_at_ns": round(second * SECOND), "kind": "Pod", "object": "{}"}


CLIENT = {"source_id": 1, "name": "fortio.ndjson", "format": "fortio-json"}
RECORDER = {"source_id": 9, "name": "cluster.ndjson", "format": "journal", "clock": "recorder"}


@pytest.mark.parametrize("query", CHECKS, ids=lambda query: query.name)
def test_a_check_says_how_bad_it_is_and_begins_with_a_sentence(query: Any) -> None:
    assert query.fields["Severity"] in ("info", "warning", "error", "data_loss")
    assert (query.columns[0].name, query.columns[0].type) == ("message", "VARCHAR")


def test_a_complete_recording_leaves_only_the_clocks_in_doubt(tmp_path: Path) -> None:
    assert import_paths(sorted(SAMPLE.glob("*.zst")), tmp_path / "whole.zdtrace").is_complete
    engine = Engine(open_recording(tmp_path / "whole.zdtrace"))
    engine.make_all()
    doubtful = {query.name for query in CHECKS if engine.rows(f"from {query.full_name}")}
    assert doubtful == {"clocks_not_sampled"}


def test_without_requests_there_is_nothing_to_judge(check: Check) -> None:
    assert len(check("no_requests")) == 1
    assert check("no_requests", sources=[CLIENT], requests=[request(1)]) == []


@pytest.mark.parametrize(("from_s", "until_s", "is_doubtful"), [
    (1.5, 2.5, True), (0.0, 9.0, True), (1.5, None, True), (0.0, 0.5, False), (4.0, 5.0, False), (4.0, None, False),
])
def test_a_gap_matters_while_requests_are_sent(
    check: Check, from_s: float, until_s: float | None, is_doubtful: bool
) -> None:
    gap = {
        "source_id": 9, "line": 1, "subject": "pods", "reason": "410 Gone", "from_ns": round(from_s * SECOND),
        "until_ns": None if until_s is None else round(until_s * SECOND),
    }
    found = check("gaps_in_the_watch", sources=[CLIENT], requests=[request(1), request(3)], gaps=[gap])
    assert bool(found) == is_doubtful
    assert all("pods were not listened to" in row["message"] for row in found)


def healed(until_s: float) -> dict[str, Any]:
    return {
        "source_id": 9, "line": 1, "subject": "pods", "reason": "the API server ended the watch",
        "from_ns": round(1.5 * SECOND), "until_ns": round(until_s * SECOND), "is_healed": True,
    }


@pytest.mark.parametrize(("until_s", "is_late"), [(1.504, False), (2.5, False), (2.6, True)])
def test_what_was_told_afterwards_is_late_at_most(check: Check, until_s: float, is_late: bool) -> None:
    tables = {"sources": [CLIENT], "requests": [request(1), request(3)], "gaps": [healed(until_s)]}
    late = check("heard_late", **tables)
    assert [row["message"] for row in late] == (
        ["pods were heard up to 1.1 s late, though nothing was lost: the API server ended the watch"] * is_late
    )


def test_a_watch_that_went_on_where_it_was_lost_nothing(check: Check) -> None:
    tables = {"sources": [CLIENT], "requests": [request(1), request(3)]}
    assert check("gaps_in_the_watch", **tables, gaps=[healed(1.504)]) == []


def told(second: float, pod: str, reason: str) -> dict[str, Any]:
    stamp = f"1970-01-01T00:00:{round(second):02}Z"
    event = {
        "involvedObject": {"kind": "Pod", "name": pod, "uid": f"uid-{pod}"}, "reason": reason,
        "firstTimestamp": stamp, "lastTimestamp": stamp, "source": {"component": "kubelet"},
    }
    return {
        "source_id": 9, "line": round(second), "observed_at_ns": round(second * SECOND), "kind": "Event",
        "namespace": "shop", "name": f"{pod}.{round(second)}", "uid": f"{pod}-{reason}", "object": json.dumps(event),
    }


UNHEARD = "pod `brief` came and went while pods were not listened to, only Events tell of it: Created, Killing"


@pytest.mark.parametrize(("happened_s", "known", "found"), [
    (12, "other", [UNHEARD]),
    (12, "brief", []),
    (40, "other", []),
])
def test_of_a_pod_that_came_and_went_unheard_events_tell(
    check: Check, happened_s: float, known: str, found: list[str]
) -> None:
    gap = {**healed(20), "from_ns": 10 * SECOND}
    objects = [
        {**seen(5), "uid": f"uid-{known}"}, told(happened_s, "brief", "Created"),
        told(happened_s + 2, "brief", "Killing"),
    ]
    tables = {"sources": [CLIENT, RECORDER], "requests": [request(1)], "gaps": [gap], "objects": objects}
    rows = check("came_and_went_unheard", **tables)
    assert [row["message"] for row in rows] == found


def test_what_was_never_allowed_is_no_loss_but_missing_evidence(check: Check) -> None:
    refused = {
        "source_id": 9, "line": 1, "subject": "nodes", "reason": "right missing: 403 nodes is forbidden", "from_ns": 1,
        "until_ns": None,
    }
    (found,) = check("rights_missing", sources=[CLIENT], requests=[request(1)], gaps=[refused])
    assert found["message"] == (
        "nodes are missing, as there was no right to them (`zdtrace rbac` prints what is needed): "
        "403 nodes is forbidden"
    )
    assert check("gaps_in_the_watch", sources=[CLIENT], requests=[request(1)], gaps=[refused]) == []
    # A right that was taken away meanwhile is a loss.
    taken = {**refused, "reason": "403 nodes is forbidden"}
    assert check("rights_missing", sources=[CLIENT], requests=[request(1)], gaps=[taken]) == []
    assert len(check("gaps_in_the_watch", sources=[CLIENT], requests=[request(1)], gaps=[taken])) == 1


def test_requests_before_the_watch_and_failures_long_after_it_are_doubtful(check: Check) -> None:
    requests = [request(1), request(10), request(60), request(61, status=502)]
    found = check("requests_outside_the_watch", sources=[CLIENT], requests=requests, objects=[seen(5), seen(20)])
    assert {row["side"]: row["message"] for row in found} == {
        "before": "`fortio.ndjson` begins 4.0 s before the cluster was watched",
        "after": "1 failed requests came more than 30 s after the last thing that the watch saw",
    }


def test_a_quiet_cluster_is_not_a_deaf_watch(check: Check) -> None:
    requests = [request(6), request(60), request(40, status=502)]
    assert check("requests_outside_the_watch", sources=[CLIENT], requests=requests, objects=[seen(5), seen(20)]) == []


def test_two_logs_of_one_run_are_counted_twice(check: Check) -> None:
    other = {"source_id": 2, "name": "fortio.csv", "format": "columns"}
    both = [request(second, source_id=source) for source in (1, 2) for second in (1, 2, 3)]
    [row] = check("requests_counted_twice", sources=[CLIENT, other], requests=both)
    assert (row["source"], row["other_source"], row["shared_count"]) == ("fortio.ndjson", "fortio.csv", 3)


def test_two_load_generators_side_by_side_are_not(check: Check) -> None:
    other = {"source_id": 2, "name": "second.ndjson", "format": "fortio-json"}
    requests = [request(1), request(2), request(3), request(1, source_id=2), request(2.5, source_id=2),
                request(3.5, source_id=2)]
    assert check("requests_counted_twice", sources=[CLIENT, other], requests=requests) == []


@pytest.mark.parametrize(("count", "is_doubtful"), [(2, False), (3, True), (1, True)])
def test_a_summary_is_compared_with_the_log_of_the_same_tool(
    check: Check, count: int, is_doubtful: bool
) -> None:
    summary = {"source_id": 2, "name": "fortio.json", "format": "fortio-result"}
    expected = {"source_id": 2, "line": 1, "tool": "fortio", "status": 200, "requests": count}
    found = check(
        "counts_differ_from_summary", sources=[CLIENT, summary], requests=[request(1), request(2)],
        expected_counts=[expected],
    )
    assert bool(found) == is_doubtful


def test_a_summary_of_another_run_is_not_compared(check: Check) -> None:
    summary = {"source_id": 2, "name": "vegeta.json", "format": "vegeta-report"}
    expected = {"source_id": 2, "line": 1, "tool": "vegeta", "status": 200, "requests": 7}
    assert check(
        "counts_differ_from_summary", sources=[CLIENT, summary], requests=[request(1)], expected_counts=[expected]
    ) == []


def test_a_clock_that_was_sampled_is_not_in_doubt(check: Check) -> None:
    sample = {
        "source_id": 9, "line": 1, "sampled_at_ns": 0, "clock": "client", "reference": "recorder",
        "offset_lo_ns": -5, "offset_hi_ns": 5, "method": "http_date",
    }
    assert [row["clocks"] for row in check("clocks_not_sampled", sources=[CLIENT])] == [["client"]]
    assert check("clocks_not_sampled", sources=[CLIENT], clock_samples=[sample]) == []


def canary(second: float, status: int | None = 200) -> dict[str, Any]:
    return {**request(second, source_id=2), "status": status}


CLIENTS = [
    {"source_id": 1, "name": "load.ndjson", "format": "fortio-json"},
    {"source_id": 2, "name": "canary.ndjson", "format": "zdtrace-probe"},
]


def test_failures_while_the_canary_failed_too_may_be_the_clients_own(check: Check) -> None:
    (row,) = check(
        "canary_failed", sources=CLIENTS, requests=[request(1.0, 502), request(1.2, 200), request(9.0, 502)],
        canary_requests=[canary(0.9), canary(1.1, None), canary(1.3, 503), canary(9.0)],
    )
    assert (row["overlapping_count"], row["failed_count"]) == (1, 2)
    assert (row["canary_failed_count"], row["canary_count"]) == (2, 4)
    assert row["message"].startswith("1 of 2 failed requests came while the canary failed too (2 of 4")


@pytest.mark.parametrize("canaries", [[], [canary(1.0)], [canary(5.0, None)]])
def test_a_canary_that_went_well_or_failed_at_another_time_casts_no_doubt(
    check: Check, canaries: list[dict[str, Any]]
) -> None:
    assert check("canary_failed", sources=CLIENTS, requests=[request(1.0, 502)], canary_requests=canaries) == []


def test_requests_that_were_sent_late_are_told(check: Check) -> None:
    due = [{**request(second), "intended_at_ns": round((second - late) * SECOND)} for second, late in (
        (1, 0.0), (2, 0.05), (3, 0.2), (4, 1.5),
    )]
    (row,) = check("requests_sent_late", sources=CLIENTS, requests=[*due, request(5)])
    assert (row["late_count"], row["request_count"], row["worst_ms"]) == (2, 4, 1500.0)
    assert check("requests_sent_late", sources=CLIENTS, requests=due[:2]) == []
