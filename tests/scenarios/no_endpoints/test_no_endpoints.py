"""A Service without a single ready pod."""

from __future__ import annotations

from builders import Incident, no_live_upstreams, nowhere


def alone() -> Incident:
    """The only pod is deleted by hand at 1 s; its successor is ready at 4 s."""
    return (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400, by="kubectl")
        .pod("b", created=1_010, started=2_500, ready=4_000)
    )


def test_a_request_while_no_pod_is_ready_had_nowhere_to_go() -> None:
    found = alone().request(2_000, nowhere()).diagnose().only
    assert (found["cause"], found["pod_trigger"], found["pod_name"]) == ("no_endpoints", "deletion", None)


def test_the_proxy_may_learn_of_the_new_pod_a_little_later() -> None:
    assert alone().request(4_200, nowhere()).causes() == ["no_endpoints"]


def test_no_live_upstreams_while_pods_are_ready_is_not_for_want_of_endpoints() -> None:
    assert Incident().pod("a").pod("b").request(1_000, no_live_upstreams()).causes() == ["unattributed"]


def test_a_503_while_pods_are_ready_is_not_for_want_of_endpoints() -> None:
    assert "no_endpoints" not in Incident().pod("a").pod("b").request(1_000, status=503, latency=1).causes()


def test_a_503_of_which_only_the_client_knows_is_never_more_than_tier_c() -> None:
    found = alone().request(3_900, status=503, latency=1).diagnose()
    assert (found.causes, set(found.tiers) <= {"C", "D"}) == (["no_endpoints"], True)
