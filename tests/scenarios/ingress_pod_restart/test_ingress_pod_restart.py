"""The proxy's own pod ends: nobody takes the connection."""

from __future__ import annotations

from builders import Incident, answered, refused

REFUSED = "dial tcp 10.0.0.9:80: connect: connection refused"
INGRESS = {"namespace": "ingress", "workload": "nginx-ingress", "ip": "10.0.0.9"}
ENDING = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}
NEXT = {"created": 1_100, "started": 2_000, "ready": 4_000}


def restarting() -> Incident:
    """The only pod of the ingress is replaced: nobody is there from 1.06 s to 4 s."""
    story = Incident().pod("a").pod("proxy-1", **INGRESS, **ENDING)
    return story.pod("proxy-2", **(INGRESS | NEXT | {"ip": "10.0.0.10"})).proxied(0, 900, 100, answered("a"))


def test_a_refusal_while_the_ingress_was_away_is_its_restart() -> None:
    found = restarting().request(2_000, status=None, latency=1, error=REFUSED).diagnose().only
    assert (found["cause"], found["pod_name"]) == ("ingress_pod_restart", "proxy-1")
    assert found["tier"] in "CD"


def test_a_refusal_before_or_long_after_it_is_not() -> None:
    story = restarting().request(500, status=None, latency=1, error=REFUSED)
    story.request(9_000, status=None, latency=1, error=REFUSED)
    assert "ingress_pod_restart" not in story.causes()


def test_what_the_proxy_logged_found_it_up() -> None:
    story = Incident().pod("a", **ENDING).pod("b").pod("proxy-1", **INGRESS, **ENDING)
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]


def test_a_pod_that_is_no_ingress_is_none() -> None:
    story = Incident().pod("a").pod("batch-1", namespace="jobs", workload="batch", **ENDING)
    assert "ingress_pod_restart" not in story.request(2_000, status=None, latency=1, error=REFUSED).causes()
