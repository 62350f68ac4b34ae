"""A load test that ran out of ports or files."""

from __future__ import annotations

import pytest
from builders import Incident

GONE = {"deleted": 1_000, "killed": 1_020, "exited": 1_060, "gone": 1_400}


@pytest.mark.parametrize("error", [
    "dial tcp 10.96.0.1:80: connect: cannot assign requested address", "dial tcp: socket: too many open files",
])
def test_the_client_says_itself_that_it_had_nothing_left(error: str) -> None:
    found = Incident().pod("a", **GONE).pod("b").request(1_100, latency=1, error=error).diagnose()
    assert (found.causes, found.tiers) == (["client_exhausted"], "C")


def test_a_refused_connection_left_the_client() -> None:
    story = Incident().pod("a", **GONE).pod("b").request(1_100, latency=1, error="connect: connection refused")
    assert story.causes() == ["endpoint_lag_refused"]
