"""The API server's audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from importing import import_bytes, import_file

Json = dict[str, Any]


def entry(**fields: Any) -> Json:
    return {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a-1",
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/default/pods/demo-1", "verb": "delete",
        "user": {"username": "admin"}, "userAgent": "kubectl/v1.37.2",
        "objectRef": {"resource": "pods", "namespace": "default", "name": "demo-1"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-23T16:26:21.777752Z",
        "stageTimestamp": "2026-11-23T16:26:21.805031Z",
        **fields,
    }


def lines(*entries: Any) -> bytes:
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in entries).encode()


def instant_ns(text: str) -> int:
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000


def test_every_write_is_there_with_its_times_to_the_microsecond(samples: Path) -> None:
    path = samples / "cluster" / "audit.log"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    written = sorted(entries, key=lambda each: each["requestReceivedTimestamp"])
    found = import_file(path)
    assert found.source.clock == "apiserver"
    for row, each in zip(found.tables["api_requests"], written, strict=True):
        assert row["received_at_ns"] == instant_ns(each["requestReceivedTimestamp"])
        assert row["completed_at_ns"] == instant_ns(each["stageTimestamp"])
        assert (row["verb"], row["audit_id"]) == (each["verb"], each["auditID"])
        assert row["resource"] == each["objectRef"]["resource"]
        assert row["name"] == each["objectRef"].get("name")
        assert row["subresource"] == each["objectRef"].get("subresource")
        assert row["status"] == each["responseStatus"]["code"]


def test_the_first_delete_is_the_command_and_the_second_the_kubelets(samples: Path) -> None:
    truth = json.loads((samples / "cluster" / "truth.json").read_text())
    rows = import_file(samples / "cluster" / "audit.log").tables["api_requests"]
    first, last = [row for row in rows if row["verb"] == "delete"]
    assert {first["name"], last["name"]} == {truth["deleted_pod"]}
    assert truth["command_started_ns"] < first["received_at_ns"] < truth["command_finished_ns"]
    exited_ns = next(each["ts_ns"] for each in truth["pod_log"] if each["event"] == "exit")
    assert last["received_at_ns"] > exited_ns
    assert first["user_agent"].startswith("kubectl/")
    assert last["user_agent"].startswith("kubelet/")


@pytest.mark.parametrize(
    ("fields", "grace_period_s"),
    [
        ({}, None),
        ({"requestURI": "/api/v1/namespaces/default/pods/a?gracePeriodSeconds=0&pretty=x"}, 0),
        ({"requestObject": {"kind": "DeleteOptions", "gracePeriodSeconds": 5}}, 5),
        ({"requestObject": {"kind": "Eviction", "deleteOptions": {"gracePeriodSeconds": 60}}}, 60),
        ({"requestObject": {"gracePeriodSeconds": "soon"}}, None),
        ({"requestObject": "?"}, None),
    ],
)
def test_the_grace_period_is_what_the_delete_asked_for(fields: Json, grace_period_s: int | None) -> None:
    row, = import_bytes(lines(entry(**fields))).tables["api_requests"]
    assert row["grace_period_s"] == grace_period_s


def test_reads_are_left_out_and_said_to_be() -> None:
    found = import_bytes(lines(entry(verb="get"), entry(verb="list"), entry(verb="watch"), entry()))
    assert (found.source.lines_in, found.source.skipped, found.source.rows_kept) == (4, 3, 1)


def test_a_request_that_just_came_in_is_not_completed() -> None:
    row, = import_bytes(lines(entry(stage="RequestReceived", responseStatus=None))).tables["api_requests"]
    assert (row["completed_at_ns"], row["status"]) == (None, None)


def test_a_request_for_no_object_has_none() -> None:
    given = entry(verb="post", requestURI="/token?secret=canary")
    del given["objectRef"]
    row, = import_bytes(lines(given)).tables["api_requests"]
    assert (row["resource"], row["name"]) == (None, None)


def test_nothing_of_the_objects_or_of_a_query_is_stored() -> None:
    secret = {"kind": "Secret", "data": {"a": "canary"}}
    found = import_bytes(lines(
        entry(
            verb="create", requestObject=secret, responseObject=secret,
            requestURI="/api/v1/x?continue=canary", userAgent="tool (https://u:canary@a/b?k=canary)",
        ),
        '{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"b","requestObject":{"data":"canary"',
    ))
    assert (found.source.rows_kept, found.source.rejects) == (1, 1)
    assert "canary" not in str(list(found.tables.values()))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("not json", "not a JSON object"),
        ({"kind": "Event"}, "not an audit event"),
        (entry(requestReceivedTimestamp="yesterday"), "no time"),
        (entry(requestReceivedTimestamp=None), "no time"),
        (entry(requestReceivedTimestamp="1820-01-01T00:00:00Z"), "time outside 2000 to 2100"),
    ],
)
def test_a_broken_line_is_counted_with_its_reason(broken: Any, reason: str) -> None:
    found = import_bytes(lines(entry(), broken))
    assert [(row["line"], row["reason"], row["text"]) for row in found.rejects] == [(2, reason, None)]


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(), st.text(max_size=8), st.lists(st.integers(), max_size=2), st.just({"a": {}})
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(entry())), VALUES, max_size=4))
def test_fields_of_the_wrong_type_are_accounted_for(fields: Json) -> None:
    """`import_bytes` checks the account."""
    found = import_bytes(lines(entry(), {**entry(), **fields}), as_format="audit")
    assert found.source.lines_in == 2
    assert "a-1" in found.column("api_requests", "audit_id")
