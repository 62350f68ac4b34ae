"""A container that the kernel ended for want of memory."""

from __future__ import annotations

from builders import Crash, Incident, cut, refused

OOM = Crash(at=1_000, restarted=6_000, exit_code=137, reason="OOMKilled")


def test_what_broke_on_a_container_without_memory_is_the_kernels_doing() -> None:
    story = Incident().pod("a", crashes=(OOM,)).pod("b").request(990, cut("a", ms=12)).request(2_000, refused("a"))
    found = story.diagnose()
    assert (found.causes, found.tiers, found.triggers) == (["oom_killed"] * 2, "BB", ["oom"] * 2)


def test_a_137_with_another_reason_is_a_crash() -> None:
    crash = Crash(at=1_000, restarted=6_000, exit_code=137, reason="Error")
    assert Incident().pod("a", crashes=(crash,)).pod("b").request(2_000, refused("a")).causes() == ["container_crash"]


def test_a_137_at_the_end_of_the_grace_period_is_no_want_of_memory() -> None:
    story = (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, grace_s=5, exited=6_030, gone=6_400, exit_code=137, exit_reason="Error")
        .pod("b").request(900, cut("a", ms=5_130))
    )
    assert story.causes() == ["inflight_cut_sigkill"]


def test_want_of_memory_on_another_pod_is_not_to_blame() -> None:
    assert Incident().pod("a", crashes=(OOM,)).pod("b").request(2_000, refused("b")).causes() == ["unattributed"]
