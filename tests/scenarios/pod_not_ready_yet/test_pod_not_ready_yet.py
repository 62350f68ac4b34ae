"""A pod that is in rotation before it listens."""

from __future__ import annotations

from builders import Crash, Incident, answered, no_live_upstreams, refused


def hasty() -> Incident:
    """Pod d is Ready as soon as its container starts (2 s), because nothing asks; it listens at 6 s."""
    return (
        Incident().pod("a").pod("b").pod("c")
        .pod("d", template="v2", created=1_000, started=2_000, ready=2_010, readiness=False)
    )


def test_a_new_pod_that_refuses_does_not_listen_yet() -> None:
    found = hasty().request(3_000, refused("d")).diagnose().only
    assert (found["cause"], found["pod_name"], found["pod_trigger"]) == ("pod_not_ready_yet", "d", "rollout")


def test_when_all_peers_are_ejected_the_pods_that_do_not_listen_are_the_cause() -> None:
    story = (
        hasty()
        .pod("e", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
        .request(2_900, refused("d")).request(3_000, no_live_upstreams())
    )
    assert story.causes() == ["pod_not_ready_yet", "pod_not_ready_yet"]


def test_a_new_pod_that_crashed_before_is_not_just_starting() -> None:
    story = (
        Incident().pod("a").pod("b")
        .pod(
            "d", template="v2", created=1_000, started=2_000, ready=2_010, readiness=False,
            crashes=(Crash(at=4_000, restarted=6_000),),
        )
        .request(4_500, refused("d"))
    )
    assert story.causes() == ["container_crash"]


def test_a_pod_that_answered_before_is_not_starting() -> None:
    found = hasty().request(3_000, refused("d")).request(3_100, answered("d")).request(3_200, refused("d")).diagnose()
    assert found.causes == ["pod_not_ready_yet", "unattributed"]


def test_a_probe_that_asks_the_wrong_port_does_not_prove_that_the_pod_listens() -> None:
    shallow = Incident().pod("a").pod("d", template="v2", created=1_000, started=2_000, ready=3_010)
    assert shallow.request(3_500, refused("d")).request(60_000, refused("d")).causes() == [
        "pod_not_ready_yet", "unattributed",
    ]


def test_an_old_pod_that_refuses_is_not_starting() -> None:
    story = Incident().pod("a", created=-900_000, started=-800_000, ready=-790_000, readiness=False).pod("b")
    assert story.request(3_000, refused("a")).causes() == ["unattributed"]
