"""How many rollouts a claim takes, and how often a false one is called proven."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from zdtrace.errors import UsageError
from zdtrace.proving.claims import Aim, Decision, fitted, plan, words_s


def aim(claim: float, *, revisions: int = 0, confidence: float = 0.95) -> Aim:
    return Aim(claim=claim, confidence=confidence, revisions=revisions)


@pytest.mark.parametrize(("claim", "rollouts"), [(0.5, 5), (0.8, 14), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_a_claim_without_revisions_takes_as_many_clean_rollouts_as_the_textbook_says(
    claim: float, rollouts: int
) -> None:
    assert aim(claim).wanted() == rollouts


def test_ten_of_ten_support_seventy_four_per_cent() -> None:
    assert round(aim(0.9).supported(10), 3) == 0.741


def test_that_a_change_may_be_revised_costs_two_rollouts_of_twenty_nine() -> None:
    twice = aim(0.9, revisions=2)
    assert [twice.wanted(row) for row in (1, 2, 3)] == [31, 46, 59]
    assert sum(twice.error_of(row) for row in (1, 2, 3)) == pytest.approx(0.05)


def test_the_first_loss_ends_a_row_and_the_last_clean_rollout_proves_it() -> None:
    half = aim(0.5)
    assert half.decide(4, 0) is Decision.GO_ON
    assert half.decide(5, 0) is Decision.PROVEN
    assert half.decide(4, 1) is Decision.LOST


def test_a_plan_says_how_many_and_how_long_before_it_starts() -> None:
    found = plan(aim(0.9), baseline=3, each_s=60, settle_s=80)
    assert (found.rollouts, found.seconds) == (32, 2000)
    assert plan(aim(0.9), baseline=3, each_s=None).seconds is None


def test_a_budget_lowers_the_claim_to_what_fits_it() -> None:
    found = fitted(aim(0.9), 1800, baseline=3, each_s=60, settle_s=60)
    assert (found.verification, found.aim.claim) == (26, 0.891)
    seconds = found.seconds
    assert seconds is not None
    assert seconds <= 1800


def test_a_budget_that_is_longer_than_needed_raises_no_claim() -> None:
    assert fitted(aim(0.5), 86_400, baseline=3, each_s=60).verification == 5


def test_a_budget_without_room_for_one_rollout_with_the_change_is_refused_with_what_it_takes() -> None:
    with pytest.raises(UsageError, match="3 as it is and one with the change take 4 min"):
        fitted(aim(0.9), 200, baseline=3, each_s=60)


def simulated(
    aim: Aim, loses: Callable[[int], float], draw: Random, stops: Callable[[int], bool] = lambda _: False
) -> tuple[float, int] | None:
    """Run one campaign. Returns what is claimed at its end, and of which row; null when a loss ended the last row.

    `loses` is the share of rollouts that lose in a row, `stops` whether somebody gives up after so many clean ones.
    """
    for row in range(1, aim.revisions + 2):
        clean = 0
        while True:
            if draw.random() < loses(row):
                break
            clean += 1
            if aim.decide(clean, 0, row) is Decision.PROVEN or stops(clean):
                return aim.supported(clean, row), row
    return None


@pytest.mark.parametrize("revisions", [0, 2])
def test_a_false_claim_is_called_proven_no_more_often_than_stated(revisions: int) -> None:
    # The truth is just below the claim with each change, the worst case there is.
    draw, campaigns = Random(8), 20_000  # noqa: S311 - the same campaigns each time
    wish = aim(0.8, revisions=revisions)
    false = sum(simulated(wish, lambda _: 0.2001, draw) is not None for _ in range(campaigns))
    assert 0.03 < false / campaigns < 0.05 + 3 * (0.05 * 0.95 / campaigns) ** 0.5


def test_stopping_whenever_one_likes_makes_no_claim_false_more_often() -> None:
    # Somebody looks after every rollout and stops when the row supports more than the truth, which is 0.8: the most
    # hostile rule there is.
    draw, campaigns, truth = Random(9), 20_000, 0.8  # noqa: S311 - the same campaigns each time
    wish = aim(0.99)
    claims = [simulated(wish, lambda _: 1 - truth, draw, lambda clean: wish.supported(clean) > truth)
              for _ in range(campaigns)]
    false = sum(found is not None and found[0] > truth for found in claims)
    assert false / campaigns < 0.05 + 3 * (0.05 * 0.95 / campaigns) ** 0.5


def test_a_change_that_loses_nothing_is_always_proven() -> None:
    found = simulated(aim(0.9), lambda _: 0.0, Random(1))  # noqa: S311 - no secret
    assert found is not None
    assert (round(found[0], 4), found[1]) == (0.9019, 1)


@pytest.mark.parametrize(("seconds", "words"), [(45, "45 s"), (119, "119 s"), (1830, "31 min"), (7500, "2 h 5 min")])
def test_times_are_told_as_people_do(seconds: float, words: str) -> None:
    assert words_s(seconds) == words
