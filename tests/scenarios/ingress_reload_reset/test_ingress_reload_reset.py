"""Connections that the proxy itself broke when it reloaded."""

from __future__ import annotations

from builders import Incident, answered, cut

RESET = "read: connection reset by peer"


def reloading() -> Incident:
    """The proxy reloads from 2.0 s to 2.2 s and logs requests all the time; no pod ends."""
    return Incident().pod("a").pod("b").reload(2_000, 2_200).proxied(0, 4_000, 100, answered("a"))


def test_a_reset_during_a_reload_of_which_the_proxy_logged_nothing_is_the_reloads() -> None:
    found = reloading().request(2_095, status=None, latency=10, error=RESET).diagnose().only
    assert (found["cause"], found["tier"], found["pod_trigger"]) == ("ingress_reload_reset", "C", None)


def test_a_reset_that_the_proxy_blames_on_a_pod_is_not_the_reloads() -> None:
    story = (
        Incident().pod("a", deleted=2_000, killed=2_020, exited=2_060, gone=2_400).pod("b")
        .reload(2_000, 2_200).proxied(0, 4_000, 100, answered("b"))
        .request(2_045, cut("a", ms=10))
    )
    assert story.causes() == ["inflight_cut_sigterm"]


def test_a_reset_long_after_the_reload_is_not_the_reloads() -> None:
    assert reloading().request(3_500, status=None, latency=10, error=RESET).causes() == ["unattributed"]


def test_without_the_proxys_access_log_a_missing_line_means_nothing() -> None:
    story = reloading().request(2_095, status=None, latency=10, error=RESET)
    assert story.causes(without=("access",)) == ["unattributed"]
