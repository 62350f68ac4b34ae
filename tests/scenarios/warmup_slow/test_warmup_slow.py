"""New pods that are slow at first."""

from __future__ import annotations

from builders import Incident, read_timeout

NEW = {"template": "v2", "created": 0, "started": 1_000, "ready": 2_000}


def test_a_new_pod_that_does_not_answer_in_time_is_warming_up() -> None:
    found = Incident().pod("a").pod("new", **NEW).request(3_000, read_timeout("new", ms=5_000)).diagnose().only
    assert (found["cause"], found["tier"], found["pod_name"]) == ("warmup_slow", "B", "new")


def test_when_an_old_pod_is_as_slow_it_is_not_the_warm_up() -> None:
    story = (
        Incident().pod("a").pod("new", **NEW)
        .request(3_000, read_timeout("new", ms=5_000)).request(3_500, read_timeout("a", ms=5_000))
    )
    assert "warmup_slow" not in story.causes()
