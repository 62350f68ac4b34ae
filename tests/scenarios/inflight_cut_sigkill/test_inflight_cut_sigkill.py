"""Requests that still ran when the grace period was over."""

from __future__ import annotations

from builders import Incident, cut


def deaf() -> Incident:
    """Pod a ignores SIGTERM (2.02 s); its grace period of 5 s ends at 7.02 s with SIGKILL."""
    return (
        Incident()
        .pod("a", deleted=2_000, killed=2_020, exited=7_050, gone=7_500, grace_s=5, exit_code=137, exit_reason="Error")
        .pod("b").pod("c")
        .pod("d", template="v2", created=-3_000, started=-2_000, ready=900)
    )


def test_a_request_that_outlasts_the_grace_period_was_cut_by_sigkill() -> None:
    found = deaf().request(1_000, cut("a", ms=6_045)).diagnose().only
    assert (found["cause"], found["pod_name"], found["pod_trigger"]) == ("inflight_cut_sigkill", "a", "rollout")


def test_a_pod_that_left_by_itself_before_its_grace_period_was_over_was_not_killed() -> None:
    story = (
        Incident()
        .pod("a", deleted=2_000, killed=2_020, exited=3_050, gone=3_500, grace_s=5, exit_code=143, exit_reason="Error")
        .pod("b").request(1_000, cut("a", ms=2_045))
    )
    assert story.causes() == ["inflight_cut_sigterm"]


def test_a_pod_that_ran_out_of_memory_was_not_killed_for_its_grace_period() -> None:
    story = (
        Incident()
        .pod(
            "a", deleted=2_000, killed=2_020, exited=7_050, gone=7_500, grace_s=5, exit_code=137,
            exit_reason="OOMKilled",
        )
        .pod("b").request(1_000, cut("a", ms=6_045))
    )
    assert "inflight_cut_sigkill" not in story.causes()
