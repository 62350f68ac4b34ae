"""Requests that a limit turned away."""

from __future__ import annotations

from builders import Incident, limited, nowhere

ALONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


def test_the_words_of_the_limit_tell_a_503_from_one_without_pods() -> None:
    story = Incident().pod("a", **ALONE).pod("b", created=1_010, started=2_500, ready=4_000)
    found = story.request(2_000, limited()).request(2_100, nowhere()).diagnose()
    assert found.causes == ["rate_limit", "no_endpoints"]


def test_a_429_says_so_itself() -> None:
    found = Incident().pod("a").request(1_000, status=429, latency=1).diagnose()
    assert (found.causes, found.tiers) == (["rate_limit"], "C")


def test_a_503_without_words_is_no_rate_limit() -> None:
    assert Incident().pod("a").request(1_000, status=503, latency=1).causes() == ["unattributed"]
