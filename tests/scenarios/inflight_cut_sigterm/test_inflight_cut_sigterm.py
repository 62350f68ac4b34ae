"""Requests that ran on a pod when it got SIGTERM, and that it did not finish."""

from __future__ import annotations

from builders import Incident, cut, read_timeout


def rollout() -> Incident:
    """Pod a gets SIGTERM at 1.02 s and exits at 1.06 s without draining."""
    return (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400, exit_code=143, exit_reason="Error")
        .pod("b").pod("c")
        .pod("d", template="v2", created=-3_000, started=-2_000, ready=900)
    )


def test_a_request_that_sigterm_interrupted_was_cut_in_flight() -> None:
    found = rollout().request(1_030, cut("a", ms=20)).diagnose().only
    assert (found["cause"], found["pod_name"], found["tier"]) == ("inflight_cut_sigterm", "a", "B")


def test_a_long_request_that_began_before_the_deletion_counts_too() -> None:
    assert rollout().request(-2_000, cut("a", ms=3_055)).causes() == ["inflight_cut_sigterm"]


def test_a_kept_alive_connection_that_broke_before_the_deletion_was_not_cut_by_sigterm() -> None:
    assert rollout().request(-600, cut("a", ms=2)).causes() == ["unattributed"]


def test_a_pod_that_lives_on_did_not_cut_at_sigterm() -> None:
    assert rollout().request(1_030, cut("b", ms=20)).causes() == ["unattributed"]


def test_a_request_cut_while_prestop_slept_was_not_cut_by_sigterm() -> None:
    story = Incident().pod("a", deleted=1_000, killed=1_020, prestop_s=10, exited=11_100, gone=11_500).pod("b")
    assert story.request(3_000, cut("a")).request(11_000, cut("a", ms=60)).causes() == [
        "unattributed", "inflight_cut_sigterm",
    ]


def test_a_slow_answer_of_a_pod_that_ends_is_not_called_cut() -> None:
    assert "inflight_cut_sigterm" not in rollout().request(500, read_timeout("a", ms=1_500)).causes()
