"""A container that the kubelet ended because its liveness probe failed."""

from __future__ import annotations

from builders import Crash, Incident, cut, refused


def probed(probe_failed: float | None) -> Incident:
    """Pod a's container ends at 3 s and runs again at 6 s."""
    crash = Crash(at=3_000, restarted=6_000, exit_code=143, probe_failed=probe_failed)
    return Incident().pod("a", crashes=(crash,)).pod("b")


def test_what_broke_after_the_probe_failed_is_the_probes() -> None:
    story = probed(1_000).request(2_900, cut("a", ms=110)).request(4_000, refused("a"))
    found = story.diagnose()
    assert (found.causes, found.tiers) == (["liveness_kill"] * 2, "BB")
    assert found.triggers == ["liveness"] * 2


def test_the_port_may_close_as_soon_as_the_kubelet_begins() -> None:
    assert probed(1_000).request(1_200, refused("a")).causes() == ["liveness_kill"]


def test_an_exit_without_a_failed_probe_is_a_crash() -> None:
    assert probed(None).request(4_000, refused("a")).causes() == ["container_crash"]


def test_an_exit_before_the_probe_failed_is_a_crash() -> None:
    assert probed(20_000).request(4_000, refused("a")).causes() == ["container_crash"]


def test_before_the_kubelet_began_nothing_is_explained() -> None:
    assert probed(1_000).request(500, refused("a")).causes() == ["unattributed"]
