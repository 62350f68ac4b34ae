"""Names that were not resolved."""

from __future__ import annotations

from builders import Incident, refused, unresolved


def test_a_client_that_found_no_such_host_says_so_itself() -> None:
    found = Incident().pod("a").request(1_000, latency=5, error="dial tcp: lookup web.default: no such host").diagnose()
    assert (found.causes, found.tiers) == (["dns"], "C")


def test_so_does_a_proxy_in_its_error_log() -> None:
    found = Incident().pod("a").request(1_000, unresolved(), correlation_id="r-1").diagnose()
    assert (found.causes, found.tiers) == (["dns"], "A")


def test_a_refusal_by_an_address_is_none_of_the_names() -> None:
    story = Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b")
    assert story.request(1_250, refused("a")).causes() == ["endpoint_lag_refused"]
