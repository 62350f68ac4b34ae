"""An application that does not know SIGTERM."""

from __future__ import annotations

from builders import Incident, cut

KILLED = {"deleted": 1_000, "killed": 1_020, "grace_s": 5, "exited": 6_030, "gone": 6_400, "exit_code": 137,
          "exit_reason": "Error"}


def test_a_pod_that_took_the_request_long_after_sigterm_did_not_heed_it() -> None:
    story = Incident().pod("a", **KILLED).pod("b").request(4_000, cut("a", ms=2_030))
    found = story.diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("no_sigterm_handler", "B", "a")


def test_a_long_request_from_before_sigterm_says_nothing_about_the_handler() -> None:
    story = Incident().pod("a", **KILLED).pod("b").request(900, cut("a", ms=5_130))
    assert story.causes() == ["inflight_cut_sigkill"]


def test_a_pod_that_exited_by_itself_heeded_it() -> None:
    story = (
        Incident().pod("a", deleted=1_000, killed=1_020, exited=6_030, gone=6_400).pod("b")
        .request(4_000, cut("a", ms=2_030))
    )
    assert story.causes() == ["inflight_cut_sigterm"]
