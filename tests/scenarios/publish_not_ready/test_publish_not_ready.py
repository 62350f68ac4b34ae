"""A Service that serves pods that are not ready, as headless ones of peers do."""

from __future__ import annotations

from builders import Incident, refused, service

GONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


def test_an_ending_pod_of_such_a_service_was_never_withdrawn() -> None:
    story = Incident().told(service("web", publishNotReadyAddresses=True)).pod("a", **GONE).pod("b")
    found = story.request(1_250, refused("a")).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("publish_not_ready", "B", "a")


def test_nor_was_a_starting_one_kept_out_by_its_probe() -> None:
    story = (
        Incident().told(service("web", publishNotReadyAddresses=True)).pod("b")
        .pod("new", template="v2", created=0, started=1_000, ready=6_000)
    )
    assert story.request(2_000, refused("new")).causes() == ["publish_not_ready"]


def test_a_service_that_withdraws_its_pods_is_ordinary_lag() -> None:
    story = Incident().told(service("web")).pod("a", **GONE).pod("b")
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]


def test_beside_a_service_that_withdraws_them_nobody_knows_which_was_used() -> None:
    peers = service("web-peers", publishNotReadyAddresses=True, selector={"app": "web"})
    story = Incident().told(service("web"), peers).pod("a", **GONE).pod("b")
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]
