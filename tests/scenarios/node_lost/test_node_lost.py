"""A node that was switched off: nobody ends its pods, they are silent."""

from __future__ import annotations

from builders import Incident, gave_up, node, refused, silent


def story(**life: float) -> Incident:
    """Pod a on node-2, pod b on node-1."""
    return (
        Incident().told(node("node-1"), node("node-2", **life)).pod("a", node="node-2").pod("b", node="node-1")
    )


LOST = {"lost": 4_000, "noticed": 45_000}


def test_silence_of_a_pod_on_a_node_that_was_not_heard_of_any_more_is_the_nodes() -> None:
    found = story(**LOST).request(10_000, silent("a")).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("node_lost", "B", "a")
    assert found["pod_trigger"] == "node_lost"


def test_so_is_a_client_that_gave_up_on_it() -> None:
    assert story(**LOST).request(10_000, gave_up("a"), error="timeout").causes() == ["node_lost"]


def test_a_pod_on_another_node_is_not_explained_by_it() -> None:
    assert "node_lost" not in story(**LOST).request(10_000, silent("b")).causes()


def test_a_node_that_was_heard_of_all_the_time_is_not_lost() -> None:
    assert "node_lost" not in story().request(10_000, silent("a")).causes()


def test_a_refusal_comes_from_a_network_that_is_alive() -> None:
    assert "node_lost" not in story(**LOST).request(10_000, refused("a")).causes()


def test_silence_after_the_node_was_back_is_not_the_nodes() -> None:
    assert "node_lost" not in story(**LOST, back=50_000).request(52_000, silent("a")).causes()
