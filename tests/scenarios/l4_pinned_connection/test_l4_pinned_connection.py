"""Connections that outlive the removal of their endpoint."""

from __future__ import annotations

from builders import Incident


def drained(at: float) -> Incident:
    """Pod a sleeps for 10 s from 1.02 s on and then ends; a request begins at `at` and is reset 20 ms later."""
    life = {"deleted": 1_000, "killed": 1_020, "prestop_s": 10, "exited": 11_060, "gone": 11_500}
    return Incident().pod("a", **life).pod("b").request(at, latency=20, error="read: connection reset by peer")


def test_a_request_that_began_long_after_the_withdrawal_rode_an_old_connection() -> None:
    found = drained(11_030).diagnose()
    assert (found.causes, found.tiers, found.pods) == (["l4_pinned_connection"], "C", ["a"])


def test_without_a_sleep_the_path_may_still_have_led_there() -> None:
    story = Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_500).pod("b")
    assert story.request(1_040, latency=20, error="read: connection reset by peer").causes() == ["inflight_cut_sigterm"]
