"""Nothing went wrong: nothing is found."""

from __future__ import annotations

from builders import Incident, answered


def test_a_clean_rollout_finds_nothing() -> None:
    story = (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, prestop_s=5, exited=6_100, gone=6_500)
        .pod("b", deleted=8_000, killed=8_020, prestop_s=5, exited=13_100, gone=13_500)
        .pod("c", template="v2", created=-2_000, started=-1_000, ready=900)
        .pod("d", template="v2", created=1_100, started=3_000, ready=7_900)
        .reload(1_300, 1_500).reload(8_300, 8_500)
        .proxied(0, 1_400, 50, answered("a")).proxied(1_400, 9_000, 100, answered("c"))
    )
    found = story.diagnose()
    assert (found.verdicts, found.near_misses) == ([], [])
    assert found.totals == {"request_count": 28 + 76, "failed_count": 0, "near_miss_count": 0}


def test_errors_that_are_the_clients_own_fault_are_no_failures() -> None:
    assert Incident().pod("a").request(1_000, answered("a", 404)).request(1_100, answered("a", 302)).causes() == []
