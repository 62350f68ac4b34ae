"""What must not change a verdict, whatever the story: clocks that all move, the order of rows, bystanders."""

from __future__ import annotations

from typing import Any

from builders import Crash, Diagnosis, Incident, answered, cut, gave_up, no_live_upstreams, nowhere, refused, silent
from built_cluster import BEGIN_NS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
HOUR_S = 3_600

TRIES = st.one_of(
    st.builds(refused, st.sampled_from("abd")),
    st.builds(cut, st.sampled_from("abd"), ms=st.integers(1, 2_000)),
    st.builds(silent, st.sampled_from("abd")),
    st.builds(answered, st.sampled_from("abd"), status=st.sampled_from([200, 500, 503])),
    st.builds(gave_up, st.sampled_from("abd")),
    st.builds(no_live_upstreams),
    st.builds(nowhere),
)


@st.composite
def incidents(draw: st.DrawFn, fewest_tries: int = 0) -> Incident:
    """Pod a ends in some way, b lives (and may crash), d is new; up to eight requests meet them.

    A request without tries is one that no proxy logged.
    """
    killed = 1_000 + draw(st.integers(5, 90))
    prestop_s = draw(st.sampled_from([None, 2, 40]))
    exited = killed + 1_000 * min(prestop_s or 0, 30) + draw(st.integers(5, 3_000))
    crash = (Crash(at=draw(st.integers(-2_000, 3_000)), restarted=6_000),) if draw(st.booleans()) else ()
    story = (
        Incident()
        .pod(
            "a", deleted=1_000, killed=killed, prestop_s=prestop_s, exited=exited, gone=exited + 300,
            exit_code=draw(st.sampled_from([0, 137, 143])),
            by=draw(st.sampled_from(["controller", "hand", "eviction"])),
        )
        .pod("b", crashes=crash)
        .pod("d", template="v2", created=-2_000, started=-1_000, ready=900, readiness=draw(st.booleans()))
    )
    for at in draw(st.lists(st.integers(-500, 6_000), min_size=1, max_size=8)):
        tries = draw(st.lists(TRIES, min_size=fewest_tries, max_size=2))
        if tries:
            error = "timeout" if tries[-1].status == "499" else None
            story.request(at, *tries, error=error)
        else:
            words = draw(st.sampled_from(["connection refused", "EOF", "i/o timeout", "no route to host", None]))
            story.request(at, status=None if words else 502, error=words, latency=draw(st.integers(1, 5_000)))
    if draw(st.booleans()):
        story.reload(1_300, 1_500)
    return story


def essence(found: Diagnosis, moved_ns: int = 0) -> list[dict[str, Any]]:
    """Return the verdicts with their instants moved back."""
    instants = ("started_at_ns", "ended_at_ns")
    return [{**row, **{name: row[name] - moved_ns for name in instants}} for row in found.verdicts]


@FEW
@given(incidents(), st.integers(-HOUR_S, 400 * 24 * HOUR_S))
def test_moving_all_clocks_changes_no_verdict(story: Incident, seconds: int) -> None:
    moved_ns = seconds * 1_000_000_000
    told, moved = story.diagnose(), story.diagnose(begin_ns=BEGIN_NS + moved_ns)
    assert essence(moved, moved_ns) == essence(told)
    assert moved.near_misses == told.near_misses


@FEW
@given(incidents(), st.sampled_from(["client", "proxy"]), st.integers(-HOUR_S, HOUR_S))
def test_a_clock_that_is_wrong_by_a_known_offset_changes_no_verdict(story: Incident, clock: str, seconds: int) -> None:
    wrong = story.diagnose(ahead_ms={clock: seconds * 1_000})
    right = story.diagnose(ahead_ms={clock: 0})
    assert (wrong.causes, wrong.tiers, wrong.pods) == (right.causes, right.tiers, right.pods)


@FEW
@given(incidents(), st.integers(0, 1_000))
def test_the_order_of_rows_changes_no_verdict(story: Incident, seed: int) -> None:
    shuffled, told = story.diagnose(shuffled=seed), story.diagnose()
    assert (shuffled.verdicts, shuffled.near_misses) == (told.verdicts, told.near_misses)


@FEW
@given(incidents(fewest_tries=1), st.booleans())
def test_a_bystander_changes_no_verdict(story: Incident, is_far: bool) -> None:
    """A pod that serves quietly beside the others, or a rollout in a namespace that got none of the requests.

    Where no proxy logged a request, every pod that ended near it is a candidate: nobody says which Service it was for.
    """
    before = story.diagnose()
    if is_far:
        far: dict[str, Any] = {"namespace": "far", "workload": "other"}
        story.pod("x", ip="10.9.0.1", deleted=-4_000, killed=-3_990, exited=-3_950, gone=-3_600, **far)
        story.pod("y", ip="10.9.0.2", template="v9", **far)
    else:
        story.pod("z")
    after = story.diagnose()
    assert (after.causes, after.pods, after.triggers) == (before.causes, before.pods, before.triggers)


@FEW
@given(incidents())
def test_each_failed_request_has_exactly_one_verdict(story: Incident) -> None:
    found = story.diagnose()
    ids = [row["request_id"] for row in found.verdicts]
    failed = [
        f"client.ndjson:{line}" for line, each in enumerate(story.requests, 1)
        if each.status is None or each.status >= 500
    ]
    assert sorted(ids) == sorted(failed)
    assert found.totals["failed_count"] == len(failed)
    assert found.totals["request_count"] == len(story.requests)
    assert all((row["tier"] == "U") == (row["cause"] == "unattributed") for row in found.verdicts)
    assert all(0 <= row["weight"] <= 1 for row in found.verdicts)
