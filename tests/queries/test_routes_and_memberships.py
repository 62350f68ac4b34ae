"""What the proxies' logs and the slices tell of a pod's last moments: L, C and the time in rotation."""

from __future__ import annotations

from typing import Any

from builders import Incident, answered, refused
from built_cluster import Clockwork

from zdtrace.analysis.engine import Engine
from zdtrace.recording.store import open_recording

MS = 1_000_000


def rows(incident: Incident, view: str, order: str) -> list[dict[str, Any]]:
    """Return a view's rows with its instants in ms of the story, rounded down."""
    clocks = Clockwork()
    with incident.recorded(clocks) as folder:
        engine = Engine(open_recording(folder), {"clock_bound_ms": "1"})
        engine.make(view)
        begin = clocks.ns(0, "recorder")
        found = engine.rows(f"from {view} order by {order}")
    return [{name: in_story(name, value, begin) for name, value in row.items()} for row in found]


def in_story(name: str, value: Any, begin: int) -> Any:
    return (value - begin) // MS if name.endswith("_ns") and value is not None else value


def ending() -> Incident:
    return Incident().pod("a", deleted=10_000, killed=10_020, exited=10_060, gone=10_400).pod("b")


def test_the_last_route_counts_whether_it_was_refused_or_healed() -> None:
    story = ending().request(10_030, answered("a")).request(10_100, refused("a"), answered("b"))
    (route,) = rows(story, "timeline.pod_routes", "pod_uid")
    assert route["route_count"] == 2
    assert route["last_routed_lo_ns"] <= 10_100 <= route["last_routed_hi_ns"]


def test_the_listener_closed_between_the_last_good_answer_and_the_first_refusal() -> None:
    story = ending().request(10_030, answered("a")).request(10_100, refused("a"))
    (route,) = rows(story, "timeline.pod_routes", "pod_uid")
    assert route["listener_lo_ns"] in range(10_017, 10_032)
    assert route["listener_hi_ns"] in range(10_100, 10_105)


def test_requests_after_sigterm_say_that_the_end_of_routing_was_not_seen() -> None:
    late = ending().request(10_100, refused("a"))
    calm = Incident().pod("a", deleted=10_000, killed=10_020, exited=15_060, gone=15_400, prestop_s=5)
    calm.request(10_500, answered("a"))
    assert [row["is_censored"] for row in rows(late, "timeline.pod_routes", "pod_uid")] == [True]
    assert [row["is_censored"] for row in rows(calm, "timeline.pod_routes", "pod_uid")] == [False]


def test_a_pod_that_nobody_tried_any_more_has_no_route() -> None:
    assert rows(ending().request(9_000, answered("a")), "timeline.pod_routes", "pod_uid") == []


def test_an_address_is_in_rotation_until_its_slice_says_otherwise() -> None:
    memberships = rows(ending(), "timeline.endpoint_memberships", "pod_ip")
    ended, stays = memberships
    assert (ended["pod_ip"], stays["pod_ip"]) == ("10.0.0.1", "10.0.0.2")
    assert ended["until_lo_ns"] in range(10_000, 10_400)
    assert stays["until_lo_ns"] is None
