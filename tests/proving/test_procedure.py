"""The loop: what is recorded, what is changed, when it ends, and how often it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, count
from random import Random
from typing import Any

from plays import Play, run

from zdtrace.analysis.advice import Answer
from zdtrace.analysis.recommendation import Recommendation
from zdtrace.proving.proof import Outcome
from zdtrace.proving.treatment import Treatment, treatment

Advise = Callable[..., Recommendation]


def test_two_lossy_rollouts_then_five_clean_ones_prove_one_half(sleeps: Any) -> None:
    bench = Play(iter([67, 40, 0, 0, 0, 0, 0]), sleeps(6))
    course = run(bench, revisions=0)
    assert course.outcome is Outcome.PROVEN
    assert bench.names == ["baseline-1", "baseline-2", *(f"verification-1-{number}" for number in range(1, 6))]
    assert [each.prestop_s for each in bench.applied] == [6]


def test_a_loss_with_the_change_ends_the_row_and_a_longer_one_begins_anew(sleeps: Any) -> None:
    bench = Play(iter([67, 40, 0, 0, 3, *[0] * 7]), sleeps(6, 9))
    course = run(bench, revisions=1)
    assert course.outcome is Outcome.PROVEN
    assert [each.prestop_s for each in bench.applied] == [6, 9]
    assert [(row.clean, row.lossy) for row in course.rows] == [(2, 1), (7, 0)]
    # The second time all five rollouts speak for the number, and those of the row for what is left to be healed.
    assert bench.asked == [(2, 2), (5, 3)]


def test_what_no_patch_heals_ends_it_with_the_reason(sleeps: Any) -> None:
    course = run(Play(iter([67, 40]), sleeps()))
    assert course.outcome is Outcome.NOT_PROVEN
    assert "rollouts as it is lose requests" in course.reasons[0]
    assert "fix_application: it fails by itself" in course.reasons[1]
    assert course.rows == []


def test_no_more_revisions_than_allowed(sleeps: Any) -> None:
    course = run(Play(iter([67, 40, 5]), sleeps(6, 9, 12)), revisions=0)
    assert course.outcome is Outcome.NOT_PROVEN
    assert "a rollout with preStop 6 s lost 5 of 10 000 requests (5 endpoint_lag_refused)" in course.reasons[0]


def test_a_workload_that_loses_nothing_is_proven_as_it_is_and_its_first_rollouts_count(
    workload: Any, advice: Advise
) -> None:
    def nothing(_: int) -> tuple[Recommendation, Treatment]:
        found = advice(workload(), verdict=Answer.NOT_NEEDED, failed=0)
        return found, treatment(workload(), found)

    bench = Play(iter([0] * 5), nothing)
    course = run(bench, revisions=0)
    assert (course.outcome, bench.applied) == (Outcome.PROVEN, [])
    assert bench.names[-1] == "verification-1-5"
    assert len(bench.names) == 5


def test_rollouts_that_do_not_count_are_repeated_and_two_in_a_row_end_it(sleeps: Any) -> None:
    once = Play(iter([67, 0, 40, *[0] * 5]), sleeps(6), doubts={"baseline-2": "the load ended first"})
    assert run(once, revisions=0).outcome is Outcome.PROVEN
    both = dict.fromkeys(["baseline-2", "baseline-3"], "the load ended first")
    twice = Play(iter([67, 0, 0]), sleeps(6), doubts=both)
    course = run(twice)
    assert course.outcome is Outcome.INCONCLUSIVE
    assert course.reasons == ("rollouts do not count: the load ended first",)


def test_a_loss_counts_however_doubtful_the_recording_is(sleeps: Any) -> None:
    bench = Play(iter([67, 40, 1]), sleeps(6), doubts={"verification-1-1": "the load ended first"})
    assert run(bench, revisions=0).outcome is Outcome.NOT_PROVEN


def test_a_change_that_is_not_confirmed_is_not_made(sleeps: Any) -> None:
    bench = Play(iter([67, 40]), sleeps(6))
    course = run(bench, says_yes=False)
    assert (course.outcome, bench.applied) == (Outcome.INCONCLUSIVE, [])


def test_a_budget_fits_the_claim_to_what_a_rollout_was_measured_to_take(sleeps: Any) -> None:
    # 12 minutes, 2 for the rollouts as it is, 40 s for changing and putting back: 9 rollouts of a minute are left.
    bench = Play(iter([67, 40, *[0] * 20]), sleeps(6), limit_s=720)
    course = run(bench, claim=0.9, revisions=0, budget_s=720)
    assert course.outcome is Outcome.PROVEN
    assert (course.plan.verification, course.plan.aim.claim) == (9, 0.716)
    assert len(bench.names) == 11


def test_a_budget_that_ends_in_the_middle_says_what_the_row_supports(sleeps: Any) -> None:
    class Slower(Play):
        def left_s(self) -> float | None:
            return super().left_s() if len(self.names) < 6 else 10.0

    bench = Slower(iter([67, 40, *[0] * 20]), sleeps(6), limit_s=720)
    course = run(bench, claim=0.9, revisions=0, budget_s=720)
    assert course.outcome is Outcome.INCONCLUSIVE
    assert "after 4 of 9 rollouts in a row without loss, which support 47.3%" in course.reasons[0]


def test_of_changes_that_are_not_good_enough_no_more_than_five_per_cent_are_called_proven(sleeps: Any) -> None:
    # Each of three changes still loses in 51 % of rollouts, and the claim is that at most 50 % do.
    draw, campaigns = Random(11), 4_000  # noqa: S311 - the same campaigns each time
    judge = sleeps(6, 9, 12)
    false = 0
    for _ in range(campaigns):
        losses = chain([1], (int(draw.random() < 0.51) for _ in count()))
        bench = Play(losses, judge)
        false += run(bench, baseline=1).outcome is Outcome.PROVEN
    assert 0.01 < false / campaigns < 0.05 + 3 * (0.05 * 0.95 / campaigns) ** 0.5

