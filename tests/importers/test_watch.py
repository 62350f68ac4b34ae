"""Raw watch streams with their time of arrival."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from importing import Take, import_bytes, import_file

from zdtrace.errors import UnusableFile

Json = dict[str, Any]
T0 = 1_795_451_181_000_000_000
SECOND = 1_000_000_000


def pod(name: str = "demo-1", version: int = 1, **metadata: Any) -> Json:
    found = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {**found, **metadata}}


def event(second: float, type_: str, found: Any) -> Json:
    return {"observed_at_ns": T0 + int(second * SECOND), "event": {"type": type_, "object": found}}


def stream(*lines: Json | str) -> bytes:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()


def test_each_version_of_the_deleted_pod_is_kept_as_it_arrived(samples: Path) -> None:
    path = samples / "cluster" / "watch-pods.ndjson"
    written = [json.loads(line) for line in path.read_text().splitlines()]
    seen = [each for each in written if each["event"]["type"] != "BOOKMARK"]
    found = import_file(path)
    rows = found.tables["objects"]
    assert [row["observed_at_ns"] for row in rows] == [each["observed_at_ns"] for each in seen]
    assert [row["event_type"] for row in rows] == [each["event"]["type"] for each in seen]
    assert [row["resource_version"] for row in rows] == [
        each["event"]["object"]["metadata"]["resourceVersion"] for each in seen
    ]
    assert (found.source.lines_in, found.source.skipped, found.source.rejects) == (7, 1, 0)
    assert found.source.clock == "recorder"


def test_the_pod_was_heard_ending_after_its_delete_was_sent(samples: Path) -> None:
    truth = json.loads((samples / "cluster" / "truth.json").read_text())
    rows = import_file(samples / "cluster" / "watch-pods.ndjson").tables["objects"]
    assert {row["name"] for row in rows} == {truth["deleted_pod"]}
    marked = [row for row in rows if "deletionTimestamp" in json.loads(row["object"])["metadata"]]
    signalled_ns = next(each["ts_ns"] for each in truth["pod_log"] if each["event"] == "signal")
    assert truth["command_started_ns"] < marked[0]["observed_at_ns"] < signalled_ns


def test_an_object_is_what_the_server_sent_but_for_its_secrets(samples: Path) -> None:
    path = samples / "cluster" / "watch-deployments.ndjson"
    rows = import_file(path).tables["objects"]
    sent = [json.loads(line)["event"] for line in path.read_text().splitlines()]
    for row, each in zip(rows, [each["object"] for each in sent if each["type"] != "BOOKMARK"], strict=True):
        container = each["spec"]["template"]["spec"]["containers"][0]
        assert container["env"] == [{"name": "ON_TERM", "value": "drain"}]
        container["env"][0]["value"] = "***"
        assert row["object"] == json.dumps(each, separators=(",", ":"))


def test_a_dropped_annotation_never_reaches_the_recording(samples: Path) -> None:
    path = samples / "cluster" / "watch-services.ndjson"
    assert "last-applied-configuration" in path.read_text()
    for row in import_file(path).tables["objects"]:
        assert json.loads(row["object"])["metadata"].get("annotations", {}) == {}


def test_gone_is_a_gap_from_the_last_event_to_the_next() -> None:
    gone = {"kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired", "message": "too old"}
    found = import_bytes(stream(
        event(1, "ADDED", pod()), event(5, "ERROR", gone),
        event(9, "ADDED", pod(version=7)), event(11, "ERROR", gone),
    ))
    gaps = [(row["from_ns"], row["until_ns"], row["subject"], row["reason"]) for row in found.tables["gaps"]]
    assert gaps == [
        (T0 + 1 * SECOND, T0 + 9 * SECOND, "pods", "410 Expired too old"),
        (T0 + 9 * SECOND, None, "pods", "410 Expired too old"),
    ]
    assert len(found.tables["objects"]) == 2


def test_a_stream_of_bookmarks_is_good_and_empty() -> None:
    bookmark = {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}}
    found = import_bytes(stream(event(1, "BOOKMARK", bookmark), "", event(2, "BOOKMARK", bookmark)))
    assert (found.source.lines_in, found.source.skipped, found.source.rows_kept) == (2, 2, 0)


BROKEN: dict[str, Json | str] = {
    "not JSON, or cut off": '{"observed_at_ns":1795451181000000000,"event":{"type":"ADD',
    "not a JSON object": "[1]",
    "no time": {"observed_at_ns": "soon", "event": {"type": "ADDED", "object": pod()}},
    "time outside 2000 to 2100": {"observed_at_ns": 10**30, "event": {"type": "ADDED", "object": pod()}},
    "no event": {"observed_at_ns": T0, "event": []},
    "no known event type": event(1, "EXPLODED", pod()),
    "no object": event(1, "ADDED", None),
    "no metadata": event(1, "ADDED", {"kind": "Pod", "metadata": []}),
    "no uid": event(1, "ADDED", pod(uid=None)),
    "no resource_version": event(1, "ADDED", pod(resourceVersion=7)),
    "no namespace": event(1, "ADDED", pod(namespace={"a": 1})),
    "no kind": event(1, "ADDED", {**pod(), "kind": ""}),
    "nested too deeply": json.dumps(event(1, "ADDED", pod())).replace('"Pod"', "[" * 5000 + "]" * 5000),
    "not UTF-8": event(1, "ADDED", {**pod(), "spec": {"nodeName": "\ud800"}}),
}


@pytest.mark.parametrize("reason", sorted(BROKEN))
def test_a_broken_event_is_counted_and_its_neighbours_are_kept(reason: str) -> None:
    found = import_bytes(stream(event(1, "ADDED", pod("a")), BROKEN[reason], event(2, "ADDED", pod("b"))))
    assert found.column("objects", "name") == ["a", "b"]
    assert [(row["line"], row["reason"]) for row in found.rejects] == [(2, reason)]


def test_a_rejected_line_shows_none_of_its_text() -> None:
    torn = '{"observed_at_ns":1,"event":{"type":"ADDED","object":{"kind":"Secret","data":{"a":"canary"'
    found = import_bytes(stream(event(1, "ADDED", pod()), torn))
    assert [row["text"] for row in found.rejects] == [None]


def test_a_huge_line_is_one_reject_and_not_the_end() -> None:
    huge = json.dumps(event(1, "ADDED", {**pod(), "spec": "x" * 9_000_000}))
    found = import_bytes(stream(event(1, "ADDED", pod("a")), huge, event(2, "ADDED", pod("b"))))
    assert found.source.reject_reasons == {"line over 8 MB": 1}
    assert found.column("objects", "name") == ["a", "b"]


def test_an_object_as_large_as_etcd_allows_is_kept_whole() -> None:
    large = {**pod(), "spec": {"nodeName": "n" * 1_500_000}}
    row, = import_bytes(stream(event(1, "ADDED", large))).tables["objects"]
    assert json.loads(row["object"]) == large


def test_a_stream_that_is_read_in_portions_comes_out_the_same(
    samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = samples / "cluster" / "watch-pods.ndjson"
    whole = import_file(path)
    monkeypatch.setattr("zdtrace.importers.raw._PORTION_BYTES", 12_000)
    portions = import_file(path)
    assert portions.tables == whole.tables
    assert portions.source.lines_in == whole.source.lines_in == 7


def test_the_same_stream_twice_is_taken_once(taken: Take, samples: Path) -> None:
    first = taken(samples / "cluster" / "watch-pods.ndjson")
    assert not first.is_repeat
    assert taken(samples / "cluster" / "watch-pods.ndjson").is_repeat


def test_a_stream_without_one_good_event_is_refused() -> None:
    with pytest.raises(UnusableFile, match="none of its 1 lines"):
        import_bytes(stream(event(1, "ADDED", {})), as_format="watch")


NASTY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["metadata", "kind", "uid", "name", "type", "apiVersion", "resourceVersion"]), inner
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(lines=st.lists(st.tuples(NASTY, NASTY, NASTY), max_size=4), tail=st.binary(max_size=30))
def test_whatever_stands_in_a_stream_every_line_is_accounted_for(
    lines: list[tuple[Any, ...]], tail: bytes
) -> None:
    """`import_bytes` checks the account; the good first line keeps the file usable."""
    broken = [
        json.dumps({"observed_at_ns": at, "event": {"type": type_, "object": found}}).encode()
        for at, type_, found in lines
    ]
    content = b"\n".join([stream(event(1, "ADDED", pod())).strip(), *broken, tail.replace(b"\n", b" ")])
    found = import_bytes(content, as_format="watch")
    blank = not tail.replace(b"\n", b" ").strip()
    assert found.source.lines_in == 1 + len(lines) + (0 if blank else 1)
