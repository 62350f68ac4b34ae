"""A pod's network is gone, and requests are still sent to it: no refusal, only silence."""

from __future__ import annotations

from builders import Incident, silent


def rollout() -> Incident:
    """Pod a is ended at 1.02 s, exits at 1.06 s, its network goes at about 1.3 s, its object at 1.4 s."""
    return (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b").pod("c")
        .pod("d", template="v2", created=-3_000, started=-2_000, ready=900)
    )


def test_silence_from_a_pod_that_is_gone_is_endpoint_lag() -> None:
    found = rollout().request(1_500, silent("a")).diagnose().only
    assert (found["cause"], found["pod_name"], found["pod_trigger"]) == ("endpoint_lag_blackhole", "a", "rollout")


def test_silence_from_a_pod_that_lives_is_not_endpoint_lag() -> None:
    assert rollout().request(1_500, silent("b")).causes() == ["network_fault"]


def test_a_client_that_hears_nothing_right_after_the_end_of_one_pod_is_tier_c() -> None:
    told = "dial tcp 10.1.0.1:80: connect: no route to host"
    found = rollout().request(1_500, status=None, latency=3_050, error=told).diagnose()
    assert (found.causes, found.tiers) == (["endpoint_lag_blackhole"], "C")


def test_stale_connection_tracking_long_after_any_pod_is_not_endpoint_lag() -> None:
    told = "dial tcp 10.1.0.1:80: connect: no route to host"
    burst = rollout().proxied(60_000, 60_400, 40, status=None, latency=3_050, error=told)
    found = burst.diagnose()
    assert (set(found.causes), set(found.tiers), set(found.triggers)) == ({"network_fault"}, {"C"}, {None})
