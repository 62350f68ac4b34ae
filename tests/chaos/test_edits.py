"""What is changed can be taken back, field by field, and nobody else's work with it."""

from __future__ import annotations

from typing import Any

import pytest
from fake_cluster import FakeCluster
from hypothesis import given
from hypothesis import strategies as st

from zdtrace.chaos.cluster import JSON, Cluster, Edit, Overwritten, Ref
from zdtrace.chaos.edits import MISSING, Change, changes_between, lookup, reversal
from zdtrace.errors import ClusterError

BUSY = {"op": "replace", "path": "/spec/replicas", "value": 5}


def test_a_prepared_edit_names_only_the_fields_that_differ_and_changes_nothing(
    fake: FakeCluster, cluster: Cluster, demo: Ref
) -> None:
    before = fake.deploy("demo")
    containers = [{"name": "app", "image": "demo:v2"}]
    edit = cluster.prepare(demo, {"spec": {"template": {"spec": {"containers": containers}}}})
    assert edit.words == ("deployment/demo spec.template.spec.containers[0].image: demo:v1 -> demo:v2",)
    assert "hunter2" not in str(edit.as_json())
    assert fake.writes == []
    assert fake.one("deployments", "demo") == before


def test_an_edit_that_is_made_and_taken_back_leaves_the_object_as_it_was(
    fake: FakeCluster, cluster: Cluster, demo: Ref
) -> None:
    before = fake.deploy("demo")["spec"]
    restart = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}
    edit = cluster.prepare(demo, {"spec": {"replicas": 5, "template": restart}})
    cluster.apply(edit)
    assert fake.one("deployments", "demo")["spec"]["replicas"] == 5
    restored = cluster.restore(edit)
    assert (restored.state, restored.is_good) == ("restored", True)
    assert fake.one("deployments", "demo")["spec"] == before


def test_what_was_never_made_needs_no_taking_back(fake: FakeCluster, cluster: Cluster, demo: Ref) -> None:
    fake.deploy("demo")
    edit = cluster.prepare(demo, {"spec": {"replicas": 5}})
    assert cluster.restore(edit).state == "as before"
    assert fake.writes == []


def test_what_somebody_else_has_set_since_stays_unless_forced(
    fake: FakeCluster, cluster: Cluster, demo: Ref
) -> None:
    fake.deploy("demo")
    edit = cluster.prepare(demo, {"spec": {"replicas": 5, "minReadySeconds": 4}})
    cluster.apply(edit)
    cluster.api.change("PATCH", demo.path, {"spec": {"replicas": 7}}, content_type="application/merge-patch+json")
    restored = cluster.restore(edit)
    assert (restored.state, restored.details) == ("overwritten", ("spec.replicas: 7 -> 3",))
    assert not restored.is_good
    spec = fake.one("deployments", "demo")["spec"]
    assert (spec["replicas"], spec.get("minReadySeconds")) == (7, None)
    assert cluster.restore(edit, is_forced=True).state == "restored"
    assert fake.one("deployments", "demo")["spec"]["replicas"] == 3


def test_an_edit_is_not_made_when_the_field_no_longer_says_what_it_said(
    fake: FakeCluster, cluster: Cluster, demo: Ref
) -> None:
    fake.deploy("demo")
    edit = cluster.prepare(demo, {"spec": {"replicas": 5}})
    cluster.api.change("PATCH", demo.path, {"spec": {"replicas": 4}}, content_type="application/merge-patch+json")
    with pytest.raises(Overwritten):
        cluster.apply(edit)
    assert fake.one("deployments", "demo")["spec"]["replicas"] == 4


def test_a_successor_of_the_same_name_is_not_touched(fake: FakeCluster, cluster: Cluster, demo: Ref) -> None:
    found = fake.deploy("demo")
    edit = cluster.prepare(demo, {"spec": {"replicas": 5}})
    fake.remove("deployments", found)
    fake.put("deployments", {**found, "metadata": {**found["metadata"], "uid": "another"}})
    with pytest.raises(ClusterError):
        cluster.apply(edit)
    assert cluster.restore(edit).state == "gone"
    assert fake.one("deployments", "demo")["spec"]["replicas"] == 3


def test_annotations_that_others_put_beside_ours_stay_when_ours_go() -> None:
    made = Change(("metadata", "annotations"), MISSING, {"ours": "1"})
    now = {"metadata": {"annotations": {"ours": "1", "theirs": "2"}}}
    back, overwritten = reversal(now, [made])
    assert (back, overwritten) == ((Change(("metadata", "annotations", "ours"), "1", MISSING),), ())


def test_what_controllers_write_by_themselves_is_no_change_of_ours() -> None:
    revision = "deployment.kubernetes.io/revision"
    before = {"metadata": {"annotations": {revision: "1"}, "generation": 1}, "status": {}}
    after = {"metadata": {"annotations": {revision: "2"}, "generation": 2}, "status": {"replicas": 1}}
    assert changes_between(before, after) == ()


@pytest.mark.parametrize(("path", "before", "after", "words"), [
    (("spec", "replicas"), 3, MISSING, "spec.replicas: 3 -> (not set)"),
    (("spec", "env", 0, "value"), "hunter1", "hunter2", "spec.env[0].value: *** -> ***"),
    (("spec", "env"), [{"name": "A", "value": "hunter1"}], [], "spec.env: [A] -> []"),
    (("spec", "x"), MISSING, {"password": "hunter2"}, "spec.x: (not set) -> {password}"),
    (("spec", "args", 1), "--token=hunter2", "--token=hunter3", "spec.args[1]: --token=*** -> --token=***"),
])
def test_what_is_shown_of_a_change_holds_no_secret(path: Any, before: Any, after: Any, words: str) -> None:
    assert Change(path, before, after).words == words


def test_a_missing_right_says_where_rights_come_from(fake: FakeCluster, cluster: Cluster, demo: Ref) -> None:
    fake.deploy("demo")
    fake.refused = {"deployments"}
    with pytest.raises(ClusterError) as refused:
        cluster.get(demo)
    assert "rbac --chaos" in (refused.value.hint or "")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["a", "b/c", "~"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y/z", "~w"]), inner, max_size=3),
    max_leaves=8,
)


@given(before=st.dictionaries(st.sampled_from(["p", "q", "r"]), VALUES), after=st.dictionaries(
    st.sampled_from(["p", "q", "r"]), VALUES))
def test_whatever_is_changed_the_changes_lead_there_and_back(before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = {"spec": before}, {"spec": after}
    changes = changes_between(old, new)
    assert all(lookup(old, each.path) == each.before and lookup(new, each.path) == each.after for each in changes)
    back, overwritten = reversal(new, changes)
    assert overwritten == ()
    assert [(each.path, each.before, each.after) for each in back] == [
        (each.path, each.after, each.before) for each in changes
    ]
    assert [Change.from_json(each.as_json()) for each in changes] == list(changes)
    assert JSON == "application/json-patch+json"
    assert Edit(Ref(kind="Pod", name="a", namespace="b"), changes) == Edit.from_json(
        Edit(Ref(kind="Pod", name="a", namespace="b"), changes).as_json()
    )
