"""Clients that are bound to a pod."""

from __future__ import annotations

from builders import Incident, refused, service

GONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


def test_a_bound_client_still_goes_to_a_pod_that_was_long_withdrawn() -> None:
    story = Incident().told(service("web", sessionAffinity="ClientIP")).pod("a", **GONE).pod("b")
    found = story.request(30_000, refused("a")).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("sticky_session", "B", "a")


def test_shortly_after_the_withdrawal_it_is_ordinary_lag() -> None:
    story = Incident().told(service("web", sessionAffinity="ClientIP")).pod("a", **GONE).pod("b")
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]


def test_without_affinity_the_proxy_was_stale() -> None:
    story = Incident().told(service("web")).pod("a", **GONE).pod("b")
    assert story.request(30_000, refused("a")).causes() == ["ingress_stale_upstream"]
