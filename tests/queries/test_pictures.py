"""The rows behind pictures: nothing that failed vanishes, and what is drawn lies where it happened."""

from __future__ import annotations

from typing import Any

import pytest
from builders import Incident, answered, cut, refused

from zdtrace.analysis.engine import Engine
from zdtrace.recording.store import open_recording

SECOND_NS = 1_000_000_000


def rows(incident: Incident, query: str, **settings: str) -> list[dict[str, Any]]:
    with incident.recorded() as folder:
        engine = Engine(open_recording(folder), {"clock_bound_ms": "1", **settings})
        engine.make(query)
        return engine.rows(f"from {query}")


def ending_pod(failures: int = 0) -> Incident:
    """Let pod a end after a second; requests every 10 ms, the first ones after its end are refused."""
    story = (
        Incident()
        .pod("a", ip="10.0.0.1", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
        .pod("b", ip="10.0.0.2")
    )
    for number in range(200):
        at = number * 10 + 5
        story.request(at, refused("a") if 1_100 <= at < 1_100 + failures * 10 else answered("b"))
    return story


@pytest.mark.parametrize("marks", ["1500", "5", "0"])
def test_marks_stand_for_all_failed_requests_however_few_they_are(marks: str) -> None:
    found = rows(ending_pod(failures=40), "findings.chart_failures", chart_marks=marks)
    assert sum(row["failed_count"] for row in found) == 40
    assert {row["cause"] for row in found} == {"endpoint_lag_refused"}


def test_failures_that_cannot_be_told_apart_are_one_mark_that_says_how_many() -> None:
    story = ending_pod()
    for _ in range(17):
        story.request(1_200, refused("a"))
    found = rows(story, "findings.chart_failures")
    assert sum(row["failed_count"] for row in found) == 17
    assert max(row["failed_count"] for row in found) > 1


# The API server wrote the deletion down in whole seconds, at 1.000 s, and the watch showed it at 1.010 s; clocks may be
# 1 ms apart. So it was accepted within 0.999 to 1.010 s, and pictures count from the middle, 1.0045 s.
DELETED_MS = 1_004.5


def test_a_mark_counts_from_the_middle_of_when_its_pod_may_have_been_deleted() -> None:
    [mark] = rows(ending_pod(failures=1), "findings.chart_failures")
    assert mark["since_deleted_ms"] == pytest.approx(1_105 - DELETED_MS, abs=0.01)


def test_slices_hold_every_request_once_in_each_scope() -> None:
    found = rows(ending_pod(failures=10), "findings.chart_rates")
    run = [row for row in found if row["scope"] == "run"]
    assert sum(row["request_count"] for row in run) == 200
    assert sum(row["failed_count"] for row in run) == 10
    assert {str(row["until_ns"] - row["from_ns"])[0] for row in found} <= {"1", "2", "5"}


def test_the_part_shown_first_holds_the_failures_and_the_pod_that_ended() -> None:
    [window] = rows(ending_pod(failures=10), "findings.chart_window")
    assert window["run_from_ns"] <= window["focus_from_ns"] < window["focus_until_ns"] <= window["run_until_ns"]
    seconds = [(window[name] - window["run_from_ns"]) / SECOND_NS for name in ("focus_from_ns", "focus_until_ns")]
    # A quarter of a second before the deletion and after the object is gone, 0.999 and 1.410 s; run from 0.005 s on.
    assert seconds == pytest.approx([0.744, 1.655], abs=0.0001)


def test_a_pods_bars_follow_each_other() -> None:
    found = [row for row in rows(ending_pod(), "findings.chart_lanes") if row["kind"] == "pod" and row["lane"] == "a"]
    assert [row["state"] for row in found if row["state"] in ("serving", "stopping", "removing")] == [
        "serving", "stopping", "removing",
    ]


def test_a_pod_that_only_runs_has_no_lane() -> None:
    assert {row["lane"] for row in rows(ending_pod(), "findings.chart_lanes") if row["kind"] == "pod"} == {"a"}


def test_steps_of_an_end_count_from_the_deletion() -> None:
    found = {row["step"]: row for row in rows(ending_pod(failures=5), "findings.chart_terminations")}
    assert found["signalled"]["lo_ms"] == pytest.approx(1_019 - DELETED_MS, abs=0.01)
    assert found["signalled"]["hi_ms"] == pytest.approx(1_021 - DELETED_MS, abs=0.01)
    assert found["routed"]["hi_ms"] > found["exited"]["lo_ms"]


def test_failures_less_than_a_second_apart_are_one_window() -> None:
    story = ending_pod(failures=10).request(5_000, refused("a")).request(5_900, refused("a"))
    found = rows(story, "findings.outages")
    assert [row["failed_count"] for row in found] == [2, 10]


@pytest.mark.parametrize(("tries", "finding", "failed"), [(refused, "no_prestop", 3), (cut, "exits_at_once", 3)])
def test_a_finding_in_the_configuration_counts_what_it_brought_about(
    tries: Any, finding: str, failed: int
) -> None:
    story = Incident().pod("a", ip="10.0.0.1", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
    for number in range(3):
        story.request(1_100 + number if tries is refused else 1_030 + number, tries("a"))
    found = {row["finding"]: row for row in rows(story, "findings.config_findings")}
    assert (found[finding]["pod_count"], found[finding]["failed_count"]) == (1, failed)
