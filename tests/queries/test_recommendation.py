"""The answer over stories: a number, another cure, or an honest "cannot know"."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from builders import Incident, answered, cut, refused

from zdtrace.analysis.advice import Answer
from zdtrace.analysis.recommendation import Recommendation, recommend
from zdtrace.recording.store import open_recording

CLOCKS = {"clock_bound_ms": "1"}


def judged(*stories: Incident) -> Recommendation:
    """Judge stories as recordings of one workload."""
    from contextlib import ExitStack

    with ExitStack() as folders:
        recordings = [open_recording(folders.enter_context(story.recorded())) for story in stories]
        return recommend(recordings, settings=CLOCKS)


def rollout(*, prestop_s: int | None = None, load_until: float = 60_000, grace_s: int = 30) -> Incident:
    """Two pods replaced by two; requests come each 20 ms to the pod that is there."""
    end = 40 if prestop_s is None else 1_000 * prestop_s + 40
    story = (
        Incident()
        .pod("a", deleted=10_000, killed=10_020, exited=10_020 + end, gone=10_300 + end, prestop_s=prestop_s,
             grace_s=grace_s)
        .pod("b", deleted=12_000, killed=12_020, exited=12_020 + end, gone=12_300 + end, prestop_s=prestop_s,
             grace_s=grace_s)
        .pod("c", template="v2", created=9_000, started=9_200, ready=9_500, prestop_s=prestop_s, grace_s=grace_s)
    )
    story.proxied(6_000, min(10_000, load_until), 20, answered("a"))
    story.proxied(6_000, min(12_000, load_until), 20, answered("b"))
    return story.proxied(min(9_600, load_until), load_until, 20, answered("c"))


def lossy() -> Incident:
    """The same, and each pod refused one request before the proxy had reloaded."""
    story = rollout().request(10_200, refused("a")).request(12_200, refused("b"))
    return story.reload(10_150, 10_400).reload(12_150, 12_400)


def test_what_was_refused_gives_a_number_that_would_have_spared_it() -> None:
    found = judged(lossy())
    assert (found.verdict, found.failed, found.is_at_least) == (Answer.RECOMMENDED, 2, False)
    assert found.prestop_s is not None
    left = {dose.prestop_s: (dose.failed_certain, dose.failed_possible) for dose in found.counterfactual}
    assert (left[0], left[found.prestop_s]) == ((2, 2), (0, 0))
    assert found.remedies[0].avoids_certain == 2


def test_recordings_add_up_and_support_more() -> None:
    one, three = judged(lossy()), judged(lossy(), lossy(), lossy())
    assert (one.claim.rollouts, three.claim.rollouts) == (1, 3)
    assert three.claim.coverage > 0.35 > one.claim.coverage
    assert three.failed == 6
    assert {coverage: more for more, coverage in three.more_runs}[0.8] == 11


def test_without_the_reloads_nothing_is_claimed_and_the_number_is_at_least() -> None:
    found = judged(rollout().request(10_200, refused("a")).request(12_200, refused("b")))
    assert (found.verdict, found.is_at_least, found.claim.coverage) == (Answer.RECOMMENDED, True, 0.0)
    assert found.sentence.startswith("Let preStop sleep")
    assert "at least" in found.notes[1] + found.notes[0]


def test_a_single_pod_is_no_rollout() -> None:
    story = Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400).pod("b")
    story.proxied(6_000, 10_000, 20, answered("a")).proxied(6_000, 30_000, 20, answered("b"))
    found = judged(story.request(10_100, refused("a")))
    assert (found.verdict, found.prestop_s, found.grace_period_s) == (Answer.INCONCLUSIVE, None, None)
    assert found.reasons == ("a single pod was seen to end",)
    assert "whole rollout" in found.wanted[0]


def test_a_gap_in_the_watch_while_pods_ended_leaves_it_open(
    zdtrace: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    found = judged(lossy().gap(9_500, 13_000))
    assert (found.verdict, found.prestop_s) == (Answer.INCONCLUSIVE, None)
    assert "the watch had a gap while the pods ended" in found.reasons
    assert "a watch that holds" in found.wanted[0]
    assert judged(lossy().gap(30_000, 31_000)).verdict is Answer.RECOMMENDED
    with lossy().gap(9_500, 13_000).recorded() as folder:
        assert zdtrace("recommend", folder).returncode == 3


def test_load_that_ends_before_sigterm_shows_nothing() -> None:
    found = judged(rollout(prestop_s=5, load_until=10_010))
    assert found.verdict is Answer.INCONCLUSIVE
    assert "no request was sent after SIGTERM" in found.reasons


def test_no_pod_that_ended_is_no_evidence() -> None:
    found = judged(Incident().pod("a").pod("b").proxied(6_000, 20_000, 20, answered("a")))
    assert found.reasons == ("no pod of the workload was seen to end",)


def test_a_longer_preStop_than_needed_is_left_alone() -> None:  # noqa: N802 - the field's own word
    story = rollout(prestop_s=5).proxied(10_000, 10_300, 20, answered("a")).proxied(12_000, 12_300, 20, answered("b"))
    found = judged(story)
    assert (found.verdict, found.current_prestop_s) == (Answer.NOT_NEEDED, 5.0)
    assert (found.prestop_s or 0) <= 5
    shorter = found.counterfactual[0]
    assert (shorter.prestop_s, shorter.failed_certain) == (0, 0)
    assert shorter.induced[1] in range(26, 32)


def test_an_application_that_breaks_off_needs_the_time_of_its_answers_too() -> None:
    story = lossy().request(10_000, cut("a", ms=45)).request(12_000, cut("b", ms=45))
    slow = Incident.proxied(story, 6_500, 9_900, 100, answered("b", ms=800))
    found = judged(slow)
    assert found.needs[0].answer_s == pytest.approx(0.8, abs=0.01)
    assert "drain_on_sigterm" in [each.remedy for each in found.remedies]


def test_more_preStop_never_leaves_more_failures() -> None:  # noqa: N802 - the field's own word
    for found in (judged(lossy()), judged(rollout(prestop_s=5).proxied(10_000, 10_900, 20, answered("a")))):
        for fewer, more in zip(found.counterfactual, found.counterfactual[1:], strict=False):
            assert more.failed_certain <= fewer.failed_certain
            assert more.failed_possible <= fewer.failed_possible
