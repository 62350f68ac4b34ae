"""Services and routes that are led elsewhere."""

from __future__ import annotations

from builders import Incident, nowhere, service

GONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


def test_a_service_that_was_led_to_pods_that_are_not_there_yet_is_the_switchs() -> None:
    green = service("web", at=1_000, selector={"app": "web", "colour": "green"})
    story = Incident().told(service("web"), green).pod("a", **GONE).pod("b", created=1_010, started=2_500, ready=4_000)
    found = story.request(2_000, nowhere()).diagnose().only
    assert (found["cause"], found["pod_trigger"], found["pod_name"]) == ("route_switch", "route_switch", None)


def test_without_a_change_of_the_service_the_pods_were_missing() -> None:
    story = Incident().told(service("web")).pod("a", **GONE).pod("b", created=1_010, started=2_500, ready=4_000)
    assert story.request(2_000, nowhere()).causes() == ["no_endpoints"]


def test_a_change_long_before_is_not_to_blame() -> None:
    green = service("web", at=-3_000, selector={"app": "web", "colour": "green"})
    story = Incident().told(service("web"), green).pod("a", **GONE, withdrawn=29_000)
    story.pod("b", created=30_010, started=52_500, ready=54_000)
    assert story.request(40_000, nowhere()).causes() == ["no_endpoints"]
