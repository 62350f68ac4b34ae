"""A pod that got SIGTERM does not listen any more, and requests are still sent to it."""

from __future__ import annotations

from builders import Crash, Incident, answered, no_live_upstreams, refused


def rollout() -> Incident:
    """Pod a of three gets SIGTERM at 1.02 s and exits at once; the proxy knows of it at 1.3 s."""
    return (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b").pod("c")
        .pod("d", template="v2", created=-3_000, started=-2_000, ready=900)
    )


def test_a_request_refused_by_a_pod_after_its_sigterm_is_endpoint_lag() -> None:
    found = rollout().request(1_250, refused("a")).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("endpoint_lag_refused", "B", "a")
    assert found["pod_trigger"] == "rollout"


def test_a_request_id_in_both_logs_makes_it_certain() -> None:
    assert rollout().request(1_250, refused("a"), correlation_id="r-1").diagnose().tiers == "A"


def test_a_pod_that_refuses_although_nobody_ends_it_is_not_endpoint_lag() -> None:
    assert rollout().request(1_250, refused("b")).causes() == ["unattributed"]


def test_a_refusal_before_the_deletion_is_not_endpoint_lag() -> None:
    assert rollout().request(-400, refused("a")).causes() == ["unattributed"]


def test_a_crash_long_before_the_deletion_does_not_hide_endpoint_lag() -> None:
    crash = Crash(at=-50_000, restarted=-40_000)
    story = Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400, crashes=(crash,)).pod("b")
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]


def test_a_refusal_while_prestop_still_sleeps_is_not_endpoint_lag() -> None:
    story = Incident().pod("a", deleted=1_000, killed=1_020, prestop_s=10, exited=11_100, gone=11_500).pod("b")
    assert story.request(3_000, refused("a")).request(11_200, refused("a")).causes() == [
        "unattributed", "endpoint_lag_refused",
    ]


def test_a_new_pod_that_got_the_address_of_an_old_one_is_not_taken_for_it() -> None:
    story = (
        Incident()
        .pod("old", ip="10.0.0.1", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
        .pod("b")
        .pod("new", ip="10.0.0.1", template="v2", created=4_000, started=6_000, ready=6_100, readiness=False)
        .request(1_250, refused("old"))
        .request(6_800, refused("new"))
    )
    found = story.diagnose()
    assert found.causes == ["endpoint_lag_refused", "pod_not_ready_yet"]
    assert found.pods == ["old", "new"]


def test_a_retry_that_heals_is_a_near_miss_and_no_failure() -> None:
    found = rollout().request(1_250, refused("a"), answered("b")).diagnose()
    assert found.verdicts == []
    assert found.totals == {"request_count": 1, "failed_count": 0, "near_miss_count": 1}
    assert [(row["cause"], row["attempt"]) for row in found.near_misses] == [("endpoint_lag_refused", 1)]


def test_no_live_upstreams_has_the_cause_of_the_peers_that_refused() -> None:
    story = rollout().proxy_error(1_240, "a", "connect() failed (111: Connection refused) while connecting to upstream")
    assert story.request(1_250, no_live_upstreams()).causes() == ["endpoint_lag_refused"]
