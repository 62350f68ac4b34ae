"""A preStop hook that does not run: SIGTERM comes at once, although a sleep is configured."""

from __future__ import annotations

from builders import Incident, cut, refused

HOOK = {"hook": "sleep 10", "prestop_s": 10}


def rollout(hook_failed: float | None, exited: float = 1_120) -> Incident:
    """Pod a is to sleep for 10 s from 1.02 s on."""
    return (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, hook_failed=hook_failed, exited=exited, gone=exited + 400, **HOOK)
        .pod("b").pod("c")
        .pod("d", template="v2", created=-3_000, started=-2_000, ready=900)
    )


def test_a_request_refused_after_the_hook_failed_is_the_hooks() -> None:
    found = rollout(hook_failed=1_060).request(1_250, refused("a")).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("prestop_hook_failed", "B", "a")
    assert found["pod_trigger"] == "rollout"


def test_so_is_one_that_was_cut_then_because_the_hook_should_have_kept_the_pod_alive() -> None:
    assert rollout(hook_failed=1_060).request(1_090, cut("a", ms=20)).causes() == ["prestop_hook_failed"]


def test_a_hook_that_slept_as_it_should_before_it_failed_is_not_to_blame() -> None:
    story = rollout(hook_failed=11_030, exited=11_060)
    assert story.request(11_200, refused("a")).causes() == ["endpoint_lag_refused"]


def test_without_the_event_nobody_knows_that_the_hook_failed() -> None:
    assert rollout(hook_failed=None).request(1_250, refused("a")).causes() == ["unattributed"]


def test_a_hook_that_failed_on_another_pod_is_not_to_blame() -> None:
    story = rollout(hook_failed=1_060).pod("e", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
    assert story.request(1_250, refused("e")).causes() == ["endpoint_lag_refused"]
