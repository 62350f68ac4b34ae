"""Errors that the application answers with, rollout or not."""

from __future__ import annotations

from builders import Incident, answered, refused


def test_an_error_that_the_pod_itself_answered_is_the_applications() -> None:
    found = Incident().pod("a").pod("b").request(1_000, answered("a", 503)).diagnose().only
    assert (found["cause"], found["pod_name"], found["pod_trigger"]) == ("app_5xx", "a", None)


def test_a_502_that_the_proxy_made_is_not_the_applications() -> None:
    story = Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b")
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]


def test_a_500_without_any_proxy_log_can_only_come_from_the_application() -> None:
    found = Incident().pod("a").pod("b").request(1_000, status=500, latency=4).diagnose()
    assert (found.causes, found.tiers) == (["app_5xx"], "C")


def test_a_multi_attempt_request_has_the_cause_of_its_last_try() -> None:
    story = Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b")
    found = story.request(1_250, refused("a"), answered("b", 503)).diagnose().only
    assert (found["cause"], found["attempt"], found["attempt_count"]) == ("app_5xx", 2, 2)
