"""What is known of the last request to an ended pod: measured, missed, or told by the path's own log."""

from __future__ import annotations

from typing import Any

import pytest
from builders import Incident, answered, cut, refused

from zdtrace.analysis.engine import Engine
from zdtrace.analysis.propagation import PodEvidence, arrival_gap_s, gaps_s
from zdtrace.recording.store import open_recording


def rows(
    story: Incident, view: str = "findings.prestop_evidence", order: str = "pod_name, path"
) -> list[dict[str, Any]]:
    """Return a view's rows; the story's clocks are known to a ms."""
    with story.recorded() as folder:
        engine = Engine(open_recording(folder), {"clock_bound_ms": "1"})
        engine.make(view)
        return engine.rows(f"from {view} order by {order}")


def evidence(story: Incident) -> list[PodEvidence]:
    return [PodEvidence.from_row("story", row) for row in rows(story)]


def latest(found: PodEvidence) -> float | None:
    return found.latest_s(*gaps_s([found]))


def calm(until: float = 10_500) -> Incident:
    """A pod with a preStop of 5 s that got a request each 20 ms until some time after its end began."""
    story = Incident().pod("a", deleted=10_000, killed=10_020, exited=15_060, gone=15_400, prestop_s=5).pod("b")
    story.proxied(6_000, until, 20, answered("a"))
    return story.proxied(6_000, 30_000, 20, answered("b"))


def test_the_last_request_counts_from_the_kubelets_start_of_the_kill() -> None:
    (found,) = evidence(calm())
    assert found.last_lo_s is not None
    assert found.last_lo_s <= 0.460 <= (found.last_hi_s or 0)
    assert not found.is_last_failed


def test_the_next_request_that_was_due_bounds_what_was_not_seen() -> None:
    (found,) = evidence(calm())
    assert latest(found) == pytest.approx(0.46 + gaps_s([found])[0], abs=0.01)
    assert gaps_s([found])[0] >= 0.020


def test_a_proxy_that_gives_up_on_a_failed_pod_has_not_shown_the_end() -> None:
    story = Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400).pod("b")
    story.proxied(6_000, 10_050, 20, answered("a")).request(10_100, refused("a"))
    (found,) = evidence(story.proxied(6_000, 30_000, 20, answered("b")))
    assert (found.is_ejected, latest(found)) == (True, None)


def test_the_reload_after_the_removal_shows_it_all_the_same() -> None:
    story = Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400).pod("b")
    story.proxied(6_000, 10_050, 20, answered("a")).request(10_100, refused("a"))
    story.reload(9_900, 10_000).reload(10_200, 10_450)
    (found,) = evidence(story.proxied(6_000, 30_000, 20, answered("b")))
    assert latest(found) == pytest.approx(0.430, abs=0.01)


def test_a_load_that_ends_too_early_has_not_shown_the_end() -> None:
    story = Incident().pod("a", deleted=10_000, killed=10_020, exited=15_060, gone=15_400, prestop_s=5).pod("b")
    (found,) = evidence(story.proxied(6_000, 10_500, 20, answered("a")))
    assert latest(found) is None


def test_a_try_that_a_retry_healed_counts_as_one() -> None:
    story = calm().request(11_200, refused("a"), answered("b"))
    (found,) = evidence(story)
    assert (found.last_hi_s or 0) >= 1.18


NO_ROUTE = "Unable to connect: dial tcp 10.96.0.80:80: connect: no route to host"


def late_connections(workers: int, *, until: float = 30_000) -> Incident:
    """Pod a dies at once; `workers` connections meet it within half a second, and each worker's next is answered.

    Four seconds later three more find no way to a host.
    """
    story = Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400).pod("b").pod("c")
    for number in range(workers):
        at = 10_100 + number * 500 / workers
        story.request(at, error=NO_ROUTE, latency=300, thread=f"{number}")
        story.request(at + 400, status=200, latency=2, thread=f"{number}")
    for number in range(3):
        story.request(14_500 + number * 10, error=NO_ROUTE, latency=300, thread=f"{number}")
    return story.request(until + 2_000, status=200, latency=2)


def test_a_connection_long_after_the_others_met_what_an_earlier_one_left_behind() -> None:
    # 3 pods: a path that still knew the dead one would have chosen it for one of 60 with a chance of 1 - (2/3)^60.
    (found,) = evidence(late_connections(60))
    assert found.last_hi_s == pytest.approx(0.59, abs=0.02)
    assert latest(found) == pytest.approx(0.59, abs=0.2)


def test_it_was_the_paths_choice_as_long_as_nothing_says_that_the_path_had_forgotten_the_pod() -> None:
    (found,) = evidence(late_connections(10))
    assert (found.last_hi_s or 0) > 4


def test_a_preStop_of_any_length_spares_what_an_earlier_loss_brought_about() -> None:  # noqa: N802 - the field's word
    found = rows(late_connections(60), "findings.prestop_effects", "request_id")
    assert len(found) == 63
    assert max(row["spared_from_s"] for row in found) < 1


def test_pods_of_one_rollout_are_one_block_and_pods_ended_by_hand_are_their_own() -> None:
    rollout = (
        Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400)
        .pod("b", deleted=12_000, killed=12_020, exited=12_060, gone=12_400)
        .pod("c", template="v2", created=9_000, started=9_500, ready=9_900)
    )
    by_hand = (
        Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400, by="hand")
        .pod("b", deleted=100_000, killed=100_020, exited=100_060, gone=100_400, by="hand").pod("c")
    )
    for story, blocks in ((rollout, 1), (by_hand, 2)):
        story.proxied(6_000, 10_050, 20, answered("a")).proxied(6_000, 130_000, 200, answered("b"))
        assert len({row["block_at_ns"] for row in rows(story)}) == blocks


def test_requests_to_a_new_pod_with_the_old_address_are_not_the_old_ones() -> None:
    story = (
        Incident().pod("a", ip="10.0.0.9", deleted=10_000, killed=10_020, exited=10_060, gone=10_400)
        .pod("b", ip="10.0.0.9", created=14_000, started=14_500, ready=15_000)
    )
    story.proxied(6_000, 10_040, 20, answered("a")).proxied(16_000, 20_000, 20, answered("b"))
    (found,) = evidence(story)
    assert (found.last_hi_s or 0) < 0.1


def test_an_application_that_breaks_off_is_told_from_one_that_drains() -> None:
    cutting = Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400).pod("b")
    draining = Incident().pod("a", deleted=10_000, killed=10_020, exited=10_900, gone=11_400).pod("b")
    (cut_off,) = rows(cutting.request(10_000, cut("a", ms=40)))
    (drained,) = rows(draining.request(10_000, answered("a", ms=600)))
    assert (cut_off["cut_count"], cut_off["finished_count"]) == (1, 0)
    assert (drained["cut_count"], drained["finished_count"]) == (0, 1)
    assert drained["drain_s"] == pytest.approx(0.58, abs=0.01)


def test_a_refused_request_is_spared_from_the_time_on_at_which_it_began() -> None:
    story = Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400).pod("b")
    story.request(10_320, refused("a")).reload(10_200, 10_450)
    (effect,) = rows(story, "findings.prestop_effects", "request_id")
    assert effect["spared_from_s"] == pytest.approx(0.300, abs=0.005)
    # After one failure nginx would not have tried again until the reload: only from then on it is sure.
    assert effect["spared_surely_s"] == pytest.approx(0.430, abs=0.005)
    assert effect["workloads"] == ["default/Deployment/web"]


def test_what_a_preStop_spared_a_shorter_one_would_not() -> None:  # noqa: N802 - the field's own word
    found = rows(calm(), "findings.prestop_spared", "needed_s")
    assert len(found) in range(23, 26)
    assert found[-1]["needed_s"] == pytest.approx(0.463, abs=0.01)


@pytest.mark.parametrize(("gaps", "window_s", "longest_s", "expected"), [
    (1_000, 10.0, 0.05, 0.05), (1_000, 10.0, 0.03, 0.0462), (10, 10.0, 2.0, 5.85), (1, 10.0, 9.0, 990.0),
])
def test_the_fewer_requests_the_longer_one_may_have_been_missing(
    gaps: int, window_s: float, longest_s: float, expected: float
) -> None:
    assert arrival_gap_s(gaps, window_s, longest_s) == pytest.approx(expected, rel=0.01)
