"""A preStop that eats the whole grace period: SIGTERM and SIGKILL come together at its end."""

from __future__ import annotations

from builders import Incident, cut


def test_a_request_cut_at_the_end_of_a_grace_period_that_prestop_used_up() -> None:
    story = (
        Incident()
        .pod(
            "a", deleted=2_000, killed=2_020, prestop_s=20, grace_s=10, exited=14_050, gone=14_500,
            exit_code=137, exit_reason="Error",
        )
        .pod("b").pod("c")
        .request(6_000, cut("a", ms=8_045))
    )
    found = story.diagnose().only
    assert (found["cause"], found["pod_name"]) == ("prestop_exceeds_grace", "a")


def test_a_prestop_shorter_than_the_grace_period_is_not_blamed() -> None:
    story = (
        Incident()
        .pod(
            "a", deleted=2_000, killed=2_020, prestop_s=5, grace_s=10, exited=12_050, gone=12_500,
            exit_code=137, exit_reason="Error",
        )
        .pod("b").pod("c")
        .request(6_000, cut("a", ms=6_045))
    )
    assert story.causes() == ["inflight_cut_sigkill"]


def test_a_request_cut_while_a_long_prestop_still_sleeps_is_not_its_fault() -> None:
    story = (
        Incident()
        .pod(
            "a", deleted=2_000, killed=2_020, prestop_s=20, grace_s=10, exited=14_050, gone=14_500,
            exit_code=137, exit_reason="Error",
        )
        .pod("b").pod("c")
        .request(4_000, cut("a", ms=45))
    )
    assert story.causes() == ["unattributed"]
