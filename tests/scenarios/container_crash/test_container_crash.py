"""A container that ends by itself."""

from __future__ import annotations

from builders import Crash, Incident, cut, refused


def crashing() -> Incident:
    """Pod a exits with code 3 at 2 s and runs again from 5 s on; nobody deletes it."""
    return Incident().pod("a", crashes=(Crash(at=2_000, restarted=5_000),)).pod("b").pod("c")


def test_the_requests_that_a_crash_cut_and_those_that_came_before_the_restart() -> None:
    found = crashing().request(1_990, cut("a", ms=15)).request(3_000, refused("a")).diagnose()
    assert found.causes == ["container_crash", "container_crash"]
    assert (found.pods, found.triggers) == (["a", "a"], ["crash", "crash"])


def test_a_pod_that_exits_because_it_was_deleted_has_not_crashed() -> None:
    story = Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400, exit_code=3).pod("b")
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]


def test_another_pods_crash_does_not_explain_a_refusal() -> None:
    assert crashing().request(3_000, refused("b")).causes() == ["unattributed"]


def test_a_request_that_broke_long_before_the_crash_is_not_explained_by_it() -> None:
    assert crashing().request(-1_000, cut("a", ms=20)).causes() == ["unattributed"]


def test_a_refusal_long_after_the_restart_is_not_explained_by_the_crash() -> None:
    assert crashing().request(200_000, refused("a")).causes() == ["unattributed"]
