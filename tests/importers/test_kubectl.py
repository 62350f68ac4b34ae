"""What kubectl prints as JSON: lists, single objects, watches."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from importing import import_bytes, import_file

from zdtrace.errors import UnusableFile

Json = dict[str, Any]


def events_of(samples: Path, name: str = "watch-pods.ndjson") -> list[Json]:
    lines = (samples / "cluster" / name).read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def objects_of(samples: Path, name: str = "watch-pods.ndjson") -> list[Json]:
    return [each["object"] for each in events_of(samples, name) if each["type"] != "BOOKMARK"]


def printed(*values: Json, indent: int | None = 4) -> bytes:
    """As kubectl prints them: each indented by four spaces, one after the other."""
    return "".join(json.dumps(value, indent=indent) + "\n" for value in values).encode()


def pod(name: str = "demo-1", **fields: Any) -> Json:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "1"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, **fields}


def list_of(*items: Any, **fields: Any) -> Json:
    """As `kubectl get -o json` orders it: items come before the kind."""
    return {"apiVersion": "v1", "items": list(items), "kind": "List", "metadata": {}, **fields}


@pytest.mark.parametrize("indent", [4, None])
def test_a_watch_with_event_types_keeps_them_and_knows_no_time(samples: Path, indent: int | None) -> None:
    events = events_of(samples)
    found = import_bytes(printed(*events, indent=indent))
    assert found.source.format == "kubectl-watch"
    kept = [each["type"] for each in events if each["type"] != "BOOKMARK"]
    assert found.column("objects", "event_type") == kept
    assert set(found.column("objects", "observed_at_ns")) == {None}
    assert found.source.skipped == Counter(each["type"] for each in events)["BOOKMARK"] == 1
    assert "null" in found.source.notes[0]


def test_a_watch_without_event_types_says_modified(samples: Path) -> None:
    objects = objects_of(samples)
    found = import_bytes(printed(*objects))
    assert found.source.format == "kubectl-json"
    assert found.column("objects", "event_type") == ["MODIFIED"] * 6
    versions = [each["metadata"]["resourceVersion"] for each in objects]
    assert found.column("objects", "resource_version") == versions


@pytest.mark.parametrize("indent", [4, 2, None])
def test_a_list_is_read_item_by_item_with_its_lines(indent: int | None) -> None:
    content = printed(list_of(pod("a"), pod("b"), pod("c")), indent=indent)
    found = import_bytes(content)
    assert found.column("objects", "name") == ["a", "b", "c"]
    assert found.column("objects", "event_type") == ["LISTED"] * 3
    starts = [number for number, line in enumerate(content.decode().splitlines(), 1) if line.strip() == "{"]
    assert found.column("objects", "line") == (starts[1:] if indent else [1, 1, 1])


def test_a_single_object_is_a_snapshot() -> None:
    found = import_bytes(printed(pod("only")))
    assert [(row["name"], row["event_type"]) for row in found.tables["objects"]] == [("only", "LISTED")]


def test_items_of_a_typed_list_take_their_kind_from_it() -> None:
    item = {key: value for key, value in pod("a").items() if key == "metadata"}
    found = import_bytes(printed({"kind": "PodList", "apiVersion": "v1", "items": [item]}, indent=None))
    assert [(row["kind"], row["api_version"]) for row in found.tables["objects"]] == [("Pod", "v1")]


def test_secrets_of_a_typed_list_are_masked_too() -> None:
    item = {"metadata": pod("a")["metadata"], "data": {"password": "canary"}}
    found = import_bytes(printed({"kind": "SecretList", "apiVersion": "v1", "items": [item]}))
    row, = found.tables["objects"]
    assert json.loads(row["object"])["data"] == {"password": "***"}


def test_events_of_both_apis_are_objects(samples: Path) -> None:
    old = objects_of(samples, "watch-events.ndjson")
    new = {
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": pod("demo.18ea")["metadata"],
        "eventTime": "2026-11-23T16:26:21.8Z", "reason": "Killing", "note": "Stopping container demo",
    }
    found = import_bytes(printed(list_of(*old, new)))
    assert set(found.column("objects", "kind")) == {"Event"}
    assert Counter(found.column("objects", "api_version")) == {"v1": 6, "events.k8s.io/v1": 1}


def test_a_list_that_was_cut_off_keeps_what_came_before() -> None:
    content = printed(list_of(pod("a"), pod("b"), pod("c")))
    found = import_bytes(content[: content.index(b'"uid-c"')])
    assert found.column("objects", "name") == ["a", "b"]
    assert found.source.reject_reasons == {"not JSON, or cut off": 1}


def test_an_item_that_is_too_large_costs_only_itself() -> None:
    huge = pod("huge", spec={"nodeName": "x" * 9_000_000})
    found = import_bytes(printed(list_of(pod("a"), huge, pod("c")), pod("z")))
    assert sorted(found.column("objects", "name")) == ["a", "c", "z"]
    assert found.source.reject_reasons == {"value over 8 MB": 1}


def test_twenty_megabytes_in_one_object_are_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.write(printed(pod("a")) + b'{"apiVersion": "v1", "kind": "Pod", "spec": "')
        for _ in range(20):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n' + printed(pod("b")))
    found = import_file(path)
    assert found.column("objects", "name") == ["a", "b"]
    assert found.source.reject_reasons == {"value over 8 MB": 1}


@pytest.mark.parametrize("cut", range(2, 170, 7))
def test_a_torn_object_does_not_take_the_next_one_with_it(cut: int) -> None:
    whole = printed(pod("a"))
    found = import_bytes(whole + whole[:cut] + b"\n" + printed(pod("b")))
    assert found.column("objects", "name") == ["a", "b"]
    assert found.source.rejects == 1


def test_a_torn_list_does_not_take_the_next_one_with_it() -> None:
    whole = printed(list_of(pod("a"), pod("b")))
    torn = whole[: whole.index(b"{", whole.index(b'"uid-a"'))]
    found = import_bytes(torn + b"\n" + printed(list_of(pod("c"), pod("d"))))
    assert found.column("objects", "name") == ["a", "c", "d"]
    assert found.source.reject_reasons == {"not JSON, or cut off": 1}


def test_words_for_people_between_objects_are_rejects() -> None:
    words = b"error: You must be logged in to the server\n"
    found = import_bytes(printed(pod("a")) + words + printed(pod("b")))
    assert found.column("objects", "name") == ["a", "b"]
    assert found.source.reject_reasons == {"not a JSON object": 1}


def test_gone_is_a_gap_of_unknown_time() -> None:
    gone = {"kind": "Status", "code": 410, "reason": "Expired"}
    found = import_bytes(printed({"type": "ADDED", "object": pod()}, {"type": "ERROR", "object": gone}))
    gap, = found.tables["gaps"]
    assert (gap["from_ns"], gap["until_ns"]) == (None, None)
    assert (gap["subject"], gap["reason"]) == ("pods", "410 Expired")


@pytest.mark.parametrize("content", [
    b"NAME      READY   STATUS    RESTARTS   AGE\ndemo-1    1/1     Running   0          5s\n",
    b"LAST SEEN   TYPE      REASON    OBJECT     MESSAGE\n5s          Normal    Killing   pod/demo   End\n",
    b"apiVersion: v1\nkind: Pod\nmetadata:\n  name: demo\n",
])
def test_a_table_and_yaml_are_refused_with_the_command_to_use(content: bytes) -> None:
    with pytest.raises(UnusableFile) as refused:
        import_bytes(content)
    assert "-o json --output-watch-events" in str(refused.value.hint)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=60), st.integers(min_value=0, max_value=400))
def test_whatever_stands_between_objects_is_accounted_for(noise: bytes, cut: int) -> None:
    """`import_bytes` checks the account. The first object comes before the noise and must survive it."""
    content = printed(pod("first")) + noise + b"\n" + printed(list_of(pod("a"), pod("b")))[:cut]
    found = import_bytes(content, as_format="kubectl-json")
    assert "first" in found.column("objects", "name")


@settings(max_examples=30, deadline=None)
@given(
    names=st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=5, unique=True),
    indent=st.sampled_from([None, 1, 4]), as_list=st.booleans(),
)
def test_objects_come_out_as_they_went_in(names: list[str], indent: int | None, as_list: bool) -> None:
    objects = [pod(name, spec={"nodeName": f"node-{name}", "priority": 0}) for name in names]
    found = import_bytes(printed(*([list_of(*objects)] if as_list else objects), indent=indent))
    assert [json.loads(text) for text in found.column("objects", "object")] == objects
