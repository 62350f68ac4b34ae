"""A control plane that withdraws an endpoint long after the pod was deleted."""

from __future__ import annotations

from builders import Incident, refused


def withdrawn(at: float) -> Incident:
    """Pod a is deleted at 1 s and gone at once; its endpoint is withdrawn later."""
    return Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=9_000, withdrawn=at).pod("b")


def test_a_request_before_a_late_withdrawal_is_the_control_planes() -> None:
    found = withdrawn(6_000).request(4_000, refused("a")).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("control_plane_lag", "B", "a")


def test_after_it_the_path_is_to_blame_again() -> None:
    assert withdrawn(6_000).request(6_400, refused("a")).causes() == ["endpoint_lag_refused"]


def test_an_endpoint_that_was_withdrawn_soon_is_ordinary_lag() -> None:
    assert withdrawn(1_300).request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]
