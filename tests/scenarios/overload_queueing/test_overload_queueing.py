"""Proxies that have no room left."""

from __future__ import annotations

from dataclasses import replace

from builders import Incident, refused

FULL = replace(refused("a"), status="500", words="1024 worker_connections are not enough while connecting to upstream")
GONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


def test_a_proxy_without_free_connections_says_so() -> None:
    found = Incident().pod("a").pod("b").request(1_000, FULL, correlation_id="r-1").diagnose()
    assert (found.causes, found.tiers) == (["overload_queueing"], "A")


def test_a_pod_that_refuses_is_no_overload() -> None:
    story = Incident().pod("a", **GONE).pod("b").request(1_250, refused("a"))
    assert story.causes() == ["endpoint_lag_refused"]
