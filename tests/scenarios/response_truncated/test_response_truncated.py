"""Answers that broke off."""

from __future__ import annotations

from builders import Crash, Incident, answered, cut_short

GONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


def test_an_answer_that_a_living_pod_broke_off_is_the_applications() -> None:
    story = Incident().pod("a").pod("b").request(1_000, cut_short("a"), is_truncated=True, correlation_id="r-1")
    found = story.diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("response_truncated", "A", "a")


def test_one_that_a_pods_end_broke_off_is_that_end() -> None:
    story = Incident().pod("a", **GONE).pod("b").request(1_030, cut_short("a"), is_truncated=True)
    assert story.causes() == ["inflight_cut_sigterm"]


def test_one_that_a_crash_broke_off_is_the_crash() -> None:
    story = Incident().pod("a", crashes=(Crash(at=1_040, restarted=6_000),)).pod("b")
    assert story.request(1_030, cut_short("a"), is_truncated=True).causes() == ["container_crash"]


def test_without_the_proxys_log_it_may_have_been_any_pod() -> None:
    story = Incident().pod("a").pod("b").request(1_000, status=200, latency=5, is_truncated=True)
    found = story.diagnose()
    assert (found.causes, found.tiers) == (["response_truncated"], "C")


def test_a_whole_answer_is_no_failure() -> None:
    assert Incident().pod("a").request(1_000, answered("a")).causes() == []
