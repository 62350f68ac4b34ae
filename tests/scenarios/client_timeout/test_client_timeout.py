"""A client that gives up."""

from __future__ import annotations

from builders import Incident, gave_up


def test_a_client_that_gave_up_on_a_living_pod_is_a_timeout() -> None:
    late = "timeout awaiting response headers"
    found = Incident().pod("a").pod("b").request(1_000, gave_up("a", ms=2_000), error=late).diagnose().only
    assert (found["cause"], found["pod_name"]) == ("client_timeout", "a")


def test_a_client_that_waited_for_a_pod_that_was_gone_did_not_just_give_up() -> None:
    story = (
        Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b")
        .request(1_500, gave_up("a", ms=5_000), error="timeout awaiting response headers")
    )
    assert "client_timeout" not in story.causes()
