"""Silence of pods that live."""

from __future__ import annotations

from builders import Incident, silent

GONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


def test_silence_of_a_living_pod_is_the_networks() -> None:
    found = Incident().pod("a").pod("b").request(5_000, silent("a")).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("network_fault", "B", "a")


def test_so_is_silence_that_no_pods_end_is_near() -> None:
    story = Incident().pod("a", **GONE).pod("b").request(60_000, latency=3_000, error="connect: no route to host")
    found = story.diagnose()
    assert (found.causes, found.tiers, found.triggers) == (["network_fault"], "C", [None])


def test_silence_of_a_pod_that_is_gone_is_lag() -> None:
    story = Incident().pod("a", **GONE).pod("b").request(1_500, silent("a"))
    assert story.causes() == ["endpoint_lag_blackhole"]
