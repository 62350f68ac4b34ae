"""What can still be said when some of the logs are missing."""

from __future__ import annotations

from builders import Incident, cut, refused

CLUSTER, PROXY, CLIENT = ("cluster", "audit"), ("access", "errors"), ("client", "messages")


def rollout() -> Incident:
    """Pod a is ended at 1.02 s: one request is cut, two are refused."""
    return (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b").pod("c")
        .pod("d", template="v2", created=-3_000, started=-2_000, ready=900)
        .request(1_030, cut("a", ms=20)).request(1_150, refused("a")).request(1_250, refused("a"))
    )


TRUE = ["inflight_cut_sigterm", "endpoint_lag_refused", "endpoint_lag_refused"]


def test_with_every_log_the_causes_are_known_by_line() -> None:
    found = rollout().diagnose()
    assert (found.causes, found.tiers) == (TRUE, "BBB")


def test_the_proxys_log_and_the_cluster_are_enough_without_a_client() -> None:
    found = rollout().diagnose(without=CLIENT)
    assert (found.causes, found.tiers) == (TRUE, "AAA")


def test_without_the_error_log_the_fields_of_the_access_log_tell() -> None:
    found = rollout().diagnose(without=("errors",))
    assert (found.causes, found.tiers) == (TRUE, "BBB")


def test_the_client_and_the_cluster_alone_never_reach_tier_b() -> None:
    found = rollout().diagnose(without=PROXY)
    assert len(found.causes) == 3
    assert set(found.causes) <= {"inflight_cut_sigterm", "endpoint_lag_refused"}
    assert set(found.tiers) <= {"C", "D"}


def test_the_clients_words_tell_a_refusal_from_a_cut_without_any_proxy() -> None:
    story = (
        Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b").pod("c")
        .request(1_030, latency=20, error="EOF")
        .request(1_150, latency=1, error="no response", message="dial tcp 10.1.0.1:80: connect: connection refused")
    )
    found = story.diagnose()
    assert (found.causes, found.tiers) == (["inflight_cut_sigterm", "endpoint_lag_refused"], "CC")


def test_a_clients_log_alone_explains_nothing_but_loses_nothing() -> None:
    found = rollout().diagnose(without=(*CLUSTER, *PROXY))
    assert (found.causes, found.tiers) == (["unattributed"] * 3, "UUU")


def test_logs_without_the_cluster_explain_nothing_about_pods() -> None:
    assert rollout().causes(without=CLUSTER) == ["unattributed"] * 3


def test_clocks_that_may_be_far_apart_lower_the_tier() -> None:
    near = rollout().diagnose(clock_bound_ms=1).tiers
    far = rollout().diagnose(clock_bound_ms=2_000).tiers
    assert (near, far) == ("BBB", "DDD")
