"""What each rollout cost, and how long requests took: counted again by hand."""

from __future__ import annotations

from typing import Any

import pytest
from builders import Incident, answered, refused

from zdtrace.analysis.engine import Engine
from zdtrace.recording.store import open_recording


def rows(incident: Incident, query: str) -> list[dict[str, Any]]:
    with incident.recorded() as folder:
        engine = Engine(open_recording(folder), {"clock_bound_ms": "1"})
        engine.make(query)
        return engine.rows(f"from {query}")


def two_rollouts() -> Incident:
    """Replace pod a (template 1) by b (2) from 1 000 ms on, and b by c (3) from 60 000 ms on; a request each second."""
    story = (
        Incident()
        .pod("a", ip="10.0.0.1", template="1", deleted=2_000, killed=2_020, exited=2_060, gone=2_400)
        .pod(
            "b", ip="10.0.0.2", template="2", created=1_000, started=1_400, ready=1_600,
            deleted=61_000, killed=61_020, exited=61_060, gone=61_400,
        )
        .pod("c", ip="10.0.0.3", template="3", created=60_000, started=60_400, ready=60_600)
    )
    for second in range(100):
        story.request(second * 1_000 + 500, answered("c" if second >= 61 else "b" if second >= 2 else "a"))
    return story.request(2_100, refused("a")).request(2_110, refused("a")).request(61_100, refused("b"))


def test_each_rollout_has_the_requests_from_its_beginning_to_the_next_one() -> None:
    found = rows(two_rollouts(), "findings.rollout_impact")
    assert [(each["request_count"], each["failed_count"]) for each in found] == [(59 + 2, 2), (40 + 1, 1)]


def test_without_a_rollout_there_is_no_impact_of_one() -> None:
    assert rows(Incident().pod("a", ip="10.0.0.1").request(0, answered("a")), "findings.rollout_impact") == []


def test_quantiles_are_the_order_statistics() -> None:
    story = Incident().pod("a", ip="10.0.0.1")
    for number in range(1, 1_001):
        story.request(number * 10, answered("a", ms=number))
    found = {each["quantile_ratio"]: each for each in rows(story, "findings.latencies")}
    latencies = {quantile: each["latency_ms"] for quantile, each in found.items()}
    # The client sees what the proxy did, and whatever it needed itself: the same for each request.
    more = latencies[1.0] - 1_000
    assert latencies == pytest.approx(
        {0.5: 500 + more, 0.9: 900 + more, 0.99: 990 + more, 0.999: 999 + more, 1: 1_000 + more}
    )
    # 1.96 * sqrt(1 000 / 4) = 31: the median lies between the 469th and the 531st.
    assert (found[0.5]["lo_ms"], found[0.5]["hi_ms"]) == pytest.approx((469 + more, 531 + more))
    # 1 000 requests are too few to bound the 0.999 quantile from above.
    assert found[0.999]["hi_ms"] is None


def test_without_requests_there_are_no_quantiles() -> None:
    assert rows(Incident().pod("a", ip="10.0.0.1"), "findings.latencies") == []
