"""Idle connections of the client that the other side closes just when they are used."""

from __future__ import annotations

from builders import Incident

EOF = "EOF"


def test_a_break_on_connections_that_had_all_been_idle_is_a_race() -> None:
    story = Incident().pod("a").pod("b").request(1_000, status=200, latency=3)
    found = story.request(6_000, status=None, latency=1, error=EOF).diagnose().only
    assert (found["cause"], found["tier"], found["pod_trigger"]) == ("keepalive_race_client", "C", None)


def test_a_client_that_had_just_sent_something_had_connections_in_use() -> None:
    story = Incident().pod("a").pod("b").request(5_950, status=200, latency=3)
    assert story.request(6_000, status=None, latency=1, error=EOF).causes() == ["unattributed"]


def test_a_break_after_a_long_wait_is_no_race() -> None:
    story = Incident().pod("a").pod("b").request(1_000, status=200, latency=3)
    assert story.request(6_000, status=None, latency=2_000, error=EOF).causes() == ["unattributed"]


def test_a_pod_that_was_ending_closed_it_for_that() -> None:
    story = Incident().pod("a", deleted=6_000, killed=6_020, exited=6_060, gone=6_400).pod("b")
    story.request(1_000, status=200, latency=3).request(6_040, status=None, latency=20, error=EOF)
    assert story.causes() == ["inflight_cut_sigterm"]
