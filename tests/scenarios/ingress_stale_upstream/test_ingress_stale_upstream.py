"""A proxy that goes on with what it had."""

from __future__ import annotations

from builders import Incident, refused, silent

GONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


def test_a_request_long_after_the_withdrawal_met_a_stale_proxy() -> None:
    found = Incident().pod("a", **GONE).pod("b").request(30_000, silent("a")).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("ingress_stale_upstream", "B", "a")


def test_so_did_one_after_a_reload_that_failed() -> None:
    story = Incident().pod("a", **GONE).pod("b").failed_reload(1_500, 1_700)
    assert story.request(3_000, refused("a")).causes() == ["ingress_stale_upstream"]


def test_a_reload_that_succeeded_leaves_ordinary_lag() -> None:
    story = Incident().pod("a", **GONE).pod("b").reload(1_500, 1_700)
    assert story.request(1_600, refused("a")).causes() == ["endpoint_lag_refused"]


def test_a_reload_that_failed_before_the_withdrawal_is_not_to_blame() -> None:
    story = Incident().pod("a", **GONE).pod("b").failed_reload(-500, -300)
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]
