"""Why the pod went away, beside what broke the request."""

from __future__ import annotations

import pytest
from builders import Incident, refused
from built_objects import Told, node, rescaled

NEW = {"template": "v2", "created": -3_000, "started": -2_000, "ready": 900}
SAME = {"created": 1_010, "started": 2_000, "ready": 2_500}


@pytest.mark.parametrize(("by", "successor", "trigger"), [
    ("controller", NEW, "rollout"),
    ("quiet", NEW, "rollout"),
    ("controller", SAME, "scale_in"),
    ("hand", SAME, "deletion"),
    ("kubectl", SAME, "deletion"),
    ("kubectl", NEW, "deletion"),
    ("eviction", SAME, "eviction"),
    ("eviction", NEW, "eviction"),
])
def test_the_trigger_is_who_asked_for_the_deletion(by: str, successor: dict[str, float], trigger: str) -> None:
    story = (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400, by=by).pod("b")
        .pod("d", **successor)
        .request(1_250, refused("a"))
    )
    found = story.diagnose()
    assert (found.causes, found.triggers) == (["endpoint_lag_refused"], [trigger])


AUTOSCALED = rescaled("web", at=995)
CORDONED = node("node-1", cordoned=900)


@pytest.mark.parametrize(("by", "told", "trigger"), [
    ("controller", AUTOSCALED, "autoscaling"),
    ("controller", rescaled("web", at=-4_900), "scale_in"),
    ("eviction", CORDONED, "drain"),
    ("eviction", node("node-1", cordoned=5_000), "eviction"),
    ("eviction", node("node-2", cordoned=900), "eviction"),
    ("hand", CORDONED, "deletion"),
])
def test_what_had_happened_just_before_tells_more_of_it(by: str, told: Told, trigger: str) -> None:
    story = (
        Incident().told(told)
        .pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400, by=by).pod("b").pod("d", **SAME)
        .request(1_250, refused("a"))
    )
    assert story.diagnose().triggers == [trigger]


def test_pods_that_all_go_before_the_first_new_one_comes_are_a_rollout_too() -> None:
    ending = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}
    new = {"template": "v2", "created": 1_450, "started": 2_000, "ready": 2_500}
    story = Incident().pod("a", **ending).pod("b", **ending).pod("c", **new).request(1_250, refused("a"))
    assert story.diagnose().triggers == ["rollout"]
