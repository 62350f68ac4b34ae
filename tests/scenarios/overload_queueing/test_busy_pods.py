"""Pods that have too much to do: requests that waited in vain, beside what the others took."""

from __future__ import annotations

from builders import Incident, answered, gave_up

LATE = "timeout awaiting response headers"


def after_two_good_seconds(ms: float) -> Incident:
    """All answers take 50 ms for two seconds, and `ms` from then on."""
    quick = Incident().pod("a").pod("b").proxied(0, 2_000, 100, answered("a", ms=50))
    return quick.proxied(2_000, 4_000, 100, answered("b", ms=ms))


def test_a_request_waited_in_vain_while_even_the_fastest_answers_took_most_of_that_time() -> None:
    found = after_two_good_seconds(ms=700).request(3_000, gave_up("a", ms=1_000), error=LATE).diagnose().only
    assert (found["cause"], found["tier"]) == ("overload_queueing", "B")


def test_by_the_client_alone_it_is_less_sure() -> None:
    story = after_two_good_seconds(ms=700).request(3_000, gave_up("a", ms=1_000), error=LATE)
    found = story.diagnose(without=("access", "errors")).only
    assert found["cause"] == "overload_queueing"
    assert found["tier"] in "CD"


def test_a_request_that_alone_was_slow_met_no_overload() -> None:
    story = after_two_good_seconds(ms=50).request(3_000, gave_up("a", ms=1_000), error=LATE)
    assert story.causes() == ["client_timeout"]


def test_a_little_slower_than_at_best_is_not_busy() -> None:
    story = after_two_good_seconds(ms=150).request(3_000, gave_up("a", ms=1_000), error=LATE)
    assert story.causes() == ["client_timeout"]
