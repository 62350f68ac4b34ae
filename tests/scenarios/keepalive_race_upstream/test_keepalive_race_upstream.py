"""Idle connections that a living pod closes just when they are used."""

from __future__ import annotations

from builders import Incident, answered, cut


def test_a_cut_on_a_connection_that_had_been_idle_is_a_race() -> None:
    story = Incident().pod("a").pod("b").request(1_000, answered("a")).request(6_000, cut("a", ms=2))
    found = story.diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("keepalive_race_upstream", "B", "a")


def test_a_connection_that_was_used_a_moment_before_was_not_idle() -> None:
    story = Incident().pod("a").pod("b").request(1_000, answered("a")).request(1_100, cut("a", ms=2))
    assert story.causes() == ["unattributed"]


def test_a_pod_that_was_ending_closed_it_for_that() -> None:
    story = Incident().pod("a", deleted=6_000, killed=6_020, exited=6_060, gone=6_400).pod("b")
    assert story.request(1_000, answered("a")).request(6_040, cut("a", ms=2)).causes() == ["inflight_cut_sigterm"]
