"""The rules of the simulated world hold in a recording of the lab: 20 000 requests while three pods ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zdtrace.analysis.engine import Engine
from zdtrace.analysis.propagation import arrival_gap_s
from zdtrace.importers.batch import import_paths
from zdtrace.recording.store import open_recording

SAMPLE = Path(__file__).parents[2] / "sample_data" / "rollout-ingress"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    into = tmp_path_factory.mktemp("rules") / "rollout.zdtrace"
    assert import_paths(sorted(SAMPLE.glob("*.zst")), into).is_complete
    engine = Engine(open_recording(into))
    engine.make("findings.prestop_evidence")
    return engine


def gaps_of(lab: Engine) -> Iterator[tuple[str, list[float]]]:
    """Yield the gaps between requests to each pod, in the seconds before its end began."""
    found: dict[str, list[float]] = {}
    for row in lab.rows("""
        select pod_uid, gap_s from (
            select
                pod_tries.pod_uid,
                (pod_tries.started_lo_ns - lag(pod_tries.started_lo_ns) over (
                    partition by pod_tries.pod_uid order by pod_tries.started_lo_ns
                )) / 1e9 as gap_s
            from timeline.pod_tries inner join timeline.pod_lifecycles using (pod_uid)
            where pod_tries.started_hi_ns < pod_lifecycles.killed_lo_ns
        ) where gap_s is not null
    """):
        found.setdefault(row["pod_uid"], []).append(row["gap_s"])
    yield from found.items()


def evidence(lab: Engine) -> list[dict[str, Any]]:
    return lab.rows("from findings.prestop_evidence order by killed_lo_ns")


def test_no_request_is_sent_to_a_pod_once_the_path_has_settled(lab: Engine) -> None:
    rows = evidence(lab)
    assert len(rows) == 3
    assert all(row["last_lo_s"] <= row["settled_s"] for row in rows)


def test_requests_come_until_shortly_before_the_path_settles(lab: Engine) -> None:
    """Less than the longest time of silence and a reload lie between: the cut-off is what ends them, not chance."""
    assert all(row["settled_s"] - row["last_lo_s"] < 0.5 for row in evidence(lab))


def test_a_gap_foretold_from_the_first_half_is_hardly_ever_exceeded_in_the_second(lab: Engine) -> None:
    for _, gaps in gaps_of(lab):
        first, second = gaps[: len(gaps) // 2], gaps[len(gaps) // 2:]
        foretold = arrival_gap_s(len(first), sum(first), max(first))
        # What counts is how likely a moment falls so late into a gap, not how many gaps are so long.
        late = sum(max(0.0, gap - foretold) for gap in second)
        assert late <= 0.01 * sum(second)


def test_the_pods_of_a_rollout_share_their_delay(lab: Engine) -> None:
    settled = [row["settled_s"] for row in evidence(lab)]
    assert max(settled) < 2 * min(settled)
