"""A preStop hook that stops the application itself instead of waiting."""

from __future__ import annotations

import pytest
from builders import Incident, cut, refused


def ended_with(hook: str, exited: float) -> Incident:
    """Pod a runs its hook from 1.02 s on."""
    return Incident().pod("a", deleted=1_000, killed=1_020, hook=hook, exited=exited, gone=exited + 400).pod("b")


@pytest.mark.parametrize("hook", ["nginx -s quit", "nginx -s quit; sleep 5", "curl -XPOST localhost/quitquitquit"])
def test_a_hook_that_stops_first_breaks_what_the_pod_is_still_sent(hook: str) -> None:
    story = ended_with(hook, exited=6_100).request(1_250, refused("a")).request(1_100, cut("a", ms=10))
    found = story.diagnose()
    assert (found.causes, found.tiers) == (["prestop_stops_app_early"] * 2, "BB")


def test_a_hook_that_sleeps_before_it_stops_was_only_too_short() -> None:
    story = ended_with("sleep 5; nginx -s quit", exited=6_100)
    assert story.request(6_300, refused("a")).causes() == ["endpoint_lag_refused"]


def test_a_hook_that_only_sleeps_stops_nothing() -> None:
    assert ended_with("sleep 5", exited=6_100).request(3_000, refused("a")).causes() == ["unattributed"]


def test_a_hook_of_unknown_length_that_stops_nothing_is_not_blamed() -> None:
    story = ended_with("/bin/wait-until-withdrawn", exited=6_100).request(6_300, refused("a"))
    assert story.causes() == ["endpoint_lag_refused"]
