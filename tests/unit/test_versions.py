"""What is masked part by part is what would be masked as a whole, whatever came before."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdtrace.recording.redaction import Policy
from zdtrace.recording.versions import Masker, masked

HOSTILE = (
    ',"managedFields":[', ']},"spec":{', ',"status":{', '"', "\\", '},{"metadata":{', ']}', "\0", ',"time":"',
    "c4nary", "<&>", "ü\u2028",
)
words = st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join)
times = st.integers(0, 3).map(lambda number: f"2026-11-27T03:00:0{number}Z")


def manager(name: str, time: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"f:metadata": {"f:labels": {".": {}, f'k:{{"name":"{name}"}}': {}}}, 'v:"c4nary"': {}}
    stamp = {} if time is None else {"time": time}
    return {"manager": name, "operation": "Update", **stamp, "fieldsType": "FieldsV1", "fieldsV1": fields}


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    """A version of one of two pods; what a part of it says often is what another version said."""
    environment = [{"name": "PASSWORD", "value": draw(words)}]
    return {
        "kind": draw(st.sampled_from(["Pod", "Deployment"])), "apiVersion": "v1",
        "metadata": {
            "name": draw(words), "uid": draw(st.sampled_from(["a", "b"])), "resourceVersion": "17",
            "annotations": {"example.com/note": draw(words)},
            "managedFields": draw(st.lists(st.builds(manager, words, times | st.none()), min_size=1, max_size=2)),
        },
        "spec": {"containers": [{"name": "app", "env": environment, "args": [draw(words)]}]},
        "status": {"message": draw(words), "spec": {"a": {}}, "phase": "Running"},
    }


def as_sent(found: dict[str, Any]) -> bytes:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


@given(st.lists(pods(), max_size=6), st.sampled_from([Policy(), Policy(keep=frozenset({"env:PASSWORD"}))]))
def test_parts_give_what_the_whole_gives(versions: list[dict[str, Any]], policy: Policy) -> None:
    masker = Masker(policy)
    for found in versions:
        raw = as_sent(found)
        for is_whole in (True, False):
            assert masker.text(masker.read(raw, is_whole=is_whole)) == masked(found, policy)


@given(st.lists(pods(), max_size=4))
def test_the_items_of_a_list_are_those_that_a_parser_finds(versions: list[dict[str, Any]]) -> None:
    items = [{name: value for name, value in each.items() if name not in ("kind", "apiVersion")} for each in versions]
    page = as_sent({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": ""}, "items": items})
    masker = Masker()
    metadata, read = masker.read_list(page + b"\n", "Pod", "v1")
    assert metadata == {"continue": ""}
    assert [masker.text(each) for each in read] == [
        masked({"kind": "Pod", "apiVersion": "v1", **each}) for each in items
    ]


def test_of_a_pod_that_changed_only_its_version_no_spec_is_parsed_again() -> None:
    found = {
        "kind": "Pod", "apiVersion": "v1", "metadata": {"uid": "a", "managedFields": [manager("kubelet", None)]},
        "spec": {"nodeName": "node1"}, "status": {"phase": "Running"},
    }
    masker = Masker()
    first = masker.read(as_sent(found))
    assert first.found["spec"] == {"nodeName": "node1"}
    masker.text(first)
    assert "spec" not in masker.read(as_sent(found), is_whole=False).found
    moved = deepcopy(found) | {"spec": {"nodeName": "node2"}}
    assert masker.read(as_sent(moved), is_whole=False).found["spec"] == {"nodeName": "node2"}


def test_secrets_are_never_split() -> None:
    found = {
        "kind": "Secret", "apiVersion": "v1", "metadata": {"uid": "a", "managedFields": [manager("helm", None)]},
        "spec": {"data": {"a": "c4nary"}}, "status": {"data": {"b": "c4nary"}},
    }
    masker = Masker()
    assert masker.read(as_sent(found)).parts is None
    assert "c4nary" not in masker.text(masker.read(as_sent(found)))


def test_what_is_dropped_by_its_path_is_dropped() -> None:
    found = {
        "kind": "Pod", "apiVersion": "v1", "metadata": {"uid": "a", "managedFields": [manager("kubelet", None)]},
        "spec": {"nodeName": "node1"}, "status": {"phase": "Running"},
    }
    masker = Masker(Policy(drop=frozenset({"managedFields", "spec.nodeName"})))
    text = masker.text(masker.read(as_sent(found)))
    assert json.loads(text) == {
        "kind": "Pod", "apiVersion": "v1", "metadata": {"uid": "a"}, "spec": {}, "status": {"phase": "Running"},
    }


@pytest.mark.parametrize("raw", [b"", b"17", b'{"kind":"Pod"', b'{"kind":"Pod","apiVersion":"v1","metadata":{'])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|not a JSON object"):
        Masker().read(raw)


def test_a_part_that_is_no_json_is_refused_also_where_its_shape_is_known() -> None:
    managers = [manager("a", "2026-11-27T03:00:00Z")]
    metadata = {"uid": "a", "managedFields": managers}
    raw = as_sent({"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {}, "status": {}})
    masker = Masker()
    masker.text(masker.read(raw))
    broken = masker.read(raw.replace(b',"time":"2026-11-27T03:00:00Z"', b"\0"))
    with pytest.raises(ValueError, match="zip"):
        masker.text(broken)
