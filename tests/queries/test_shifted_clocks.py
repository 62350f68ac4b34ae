"""Real recordings with a clock moved: where data pins it no cause changes, elsewhere no wrong one is called sure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zdtrace.analysis.engine import Engine
from zdtrace.importers import recognise
from zdtrace.importers.base import Options
from zdtrace.importers.taking import take
from zdtrace.recording.store import extend, open_recording

SCENARIOS = Path(__file__).parents[1] / "scenarios"
MS = 1_000_000
INSTANTS = {
    "requests": ("started_at_ns", "ended_at_ns"), "client_messages": ("logged_at_ns",),
    "proxy_requests": ("started_at_ns", "ended_at_ns"), "proxy_events": ("logged_at_ns",),
}
Moved = Callable[..., Engine]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """Give an engine on a recording of `tests/scenarios`, with all that some clocks wrote moved by so many ms."""
    folders: dict[str, Path] = {}

    def move(name: str, clocks: tuple[str, ...] = (), ms: int = 0) -> Engine:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name) / "lab.zdtrace"
            with extend(folders[name]) as writer:
                for path in sorted((SCENARIOS / name / "recording").glob("*.zst")):
                    take(writer, path, recognise(path), Options(year=2026, time_zone="UTC"))
        engine = Engine(open_recording(folders[name]))
        for clock in clocks:
            _move(engine, clock, ms * MS)
        return engine

    return move


def _move(engine: Engine, clock: str, ns: int) -> None:
    """Let a clock have been ahead by so much: all that it wrote is, and nothing else."""
    of_clock = f"source_id in (select source_id from recording.sources where clock = '{clock}')"
    for table, columns in INSTANTS.items():
        told = f"{table}_before_{clock}"
        engine.db.execute(f"alter view recording.{table} rename to {told}")
        wrong = ", ".join(f"({name} + case when {of_clock} then {ns} else 0 end)::bigint as {name}" for name in columns)
        engine.db.execute(f"create view recording.{table} as select * replace ({wrong}) from recording.{told}")
    engine.db.execute(
        "update recording.sources set first_at_ns = first_at_ns + ?, last_at_ns = last_at_ns + ? where clock = ?",
        [ns, ns, clock],
    )


def verdicts(engine: Engine) -> dict[str, dict[str, Any]]:
    engine.make("findings.verdicts")
    found = engine.rows("select request_id, cause, tier, proxy_ref from findings.verdicts")
    return {row["request_id"]: row for row in found}


def bounds_ms(engine: Engine, clock: str, other: str) -> tuple[float, float]:
    """Return what is known of `clock` minus `other`."""
    (row,) = engine.rows("select lo_ns, hi_ns from clocks.solution where clock = ? and other = ?", [clock, other])
    return row["lo_ns"] / MS, row["hi_ns"] / MS


@pytest.mark.parametrize("ms", [-3_000, -200, 3_000])
@pytest.mark.parametrize("name", ["endpoint_lag_refused", "inflight_cut_sigterm", "other_proxy"])
def test_a_clients_clock_that_is_wrong_is_found_out_and_changes_nothing(moved: Moved, name: str, ms: int) -> None:
    """The failures that client and proxy both logged, by their ids or by their order, pin the one to the other."""
    right, wrong = verdicts(moved(name)), moved(name, ("client",), ms)
    found = verdicts(wrong)
    lo_ms, hi_ms = bounds_ms(wrong, "client", "proxy")
    assert lo_ms <= ms <= hi_ms
    assert hi_ms - lo_ms < 20
    assert [row["cause"] for row in found.values()] == [right[key]["cause"] for key in found]
    assert [row["proxy_ref"] for row in found.values()] == [right[key]["proxy_ref"] for key in found]


@pytest.mark.parametrize("ms", [-3_000, 3_000])
@pytest.mark.parametrize("clocks", [("proxy",), ("client", "proxy")], ids="+".join)
def test_a_proxys_clock_that_is_wrong_is_found_out_by_what_the_pods_answered(
    moved: Moved, clocks: tuple[str, ...], ms: int
) -> None:
    """With client and proxy both moved it is as if the whole cluster were."""
    right, wrong = verdicts(moved("endpoint_lag_refused")), moved("endpoint_lag_refused", clocks, ms)
    found = verdicts(wrong)
    lo_ms, hi_ms = bounds_ms(wrong, "proxy", "node")
    assert lo_ms <= ms <= hi_ms
    assert hi_ms - lo_ms < 2_000
    assert [row["cause"] for row in found.values()] == [right[key]["cause"] for key in found]
    (check,) = [row for row in _rows(wrong, "checks.clocks_apart") if row["clock"] == "proxy"]
    assert check["lo_ms"] <= ms <= check["hi_ms"]


@pytest.mark.parametrize("ms", [-3_000, -200, 200, 3_000])
@pytest.mark.parametrize("clocks", [("client",), ("proxy",), ("client", "proxy")], ids="+".join)
@pytest.mark.parametrize("name", ["triggers", "no_endpoints"])
def test_one_pods_end_pins_little_and_no_wrong_cause_is_called_sure(
    moved: Moved, name: str, clocks: tuple[str, ...], ms: int
) -> None:
    right, found = verdicts(moved(name)), verdicts(moved(name, clocks, ms))
    sure = {key: row["cause"] for key, row in found.items() if row["tier"] in "AB"}
    assert sure == {key: right[key]["cause"] for key in sure}


def test_all_clocks_in_step_are_not_suspected(moved: Moved) -> None:
    engine = moved("endpoint_lag_refused")
    assert _rows(engine, "checks.clocks_apart") == []
    assert _rows(engine, "checks.clocks_contradict") == []
    (check,) = _rows(engine, "checks.clocks_not_sampled")
    assert set(check["clocks"]) == {"apiserver", "client", "node", "proxy"}
    # What a kubelet killed, it killed after the API server had taken the deletion in.
    assert bounds_ms(engine, "node", "apiserver")[1] < 20


def _rows(engine: Engine, check: str) -> list[dict[str, Any]]:
    engine.make(check)
    return engine.rows(f"from {check}")
