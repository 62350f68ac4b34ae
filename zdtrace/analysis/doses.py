"""How many requests would still fail at each length of preStop: certain and possible, by cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zdtrace.analysis.engine import Engine

LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class Dose:
    """What a preStop of `prestop_s` leaves: requests that surely, and that possibly, would still have failed.

    `by_cause` splits them; `induced` are requests that failed in no recording and might with a shorter preStop.
    """

    prestop_s: int
    failed_certain: int
    failed_possible: int
    by_cause: Mapping[str, tuple[int, int]]
    induced: tuple[int, int] = (0, 0)

    def as_json(self) -> dict[str, Any]:
        """Return the step as `zdtrace recommend -o json` writes it."""
        return {
            "prestop_s": self.prestop_s,
            "failed_certain": self.failed_certain,
            "failed_possible": self.failed_possible,
            "induced_certain": self.induced[0],
            "induced_possible": self.induced[1],
            "by_cause": {
                cause: {"failed_certain": certain, "failed_possible": possible}
                for cause, (certain, possible) in self.by_cause.items()
            },
        }


def longest_need_s(engines: Iterable[Engine], workload: str) -> int:
    """Return up to which length of preStop anything changes, whole s."""
    longest = 0
    for engine in engines:
        row = engine.rows(
            f"""
            select ceil(greatest(
                coalesce((
                    select max(greatest(spared_from_s, spared_surely_s)) from findings.prestop_effects
                    where {_OF_WORKLOAD}
                ), 0),
                coalesce((
                    select max(needed_s) from findings.prestop_spared where namespace || '/' || workload = $workload
                ), 0)
            ))::bigint as longest_s""",
            {"workload": workload},
        )[0]
        longest = max(longest, row["longest_s"])
    return min(longest, LONGEST_S)


def doses(engines: Iterable[Engine], workload: str, lengths: Sequence[int]) -> tuple[Dose, ...]:
    """Return a dose for each length of preStop, in their order, all recordings together."""
    causes: dict[int, dict[str, tuple[int, int]]] = {length: {} for length in lengths}
    induced: dict[int, tuple[int, int]] = dict.fromkeys(lengths, (0, 0))
    for engine in engines:
        for row in engine.rows(_REMAINING, {"workload": workload, "lengths": list(lengths)}):
            known = causes[row["prestop_s"]]
            known[row["cause"]] = _sum(known.get(row["cause"], (0, 0)), row)
        for row in engine.rows(_INDUCED, {"workload": workload, "lengths": list(lengths)}):
            induced[row["prestop_s"]] = _sum(induced[row["prestop_s"]], row)
    return tuple(
        Dose(
            length,
            sum(certain for certain, _ in causes[length].values()) + induced[length][0],
            sum(possible for _, possible in causes[length].values()) + induced[length][1],
            dict(sorted(causes[length].items())),
            induced[length],
        )
        for length in lengths
    )


def steps(found: Sequence[Dose], keep: Iterable[int]) -> tuple[Dose, ...]:
    """Return the doses at which something changes, the first and the last, and those of the lengths in `keep`."""
    wanted = set(keep)
    chosen = [
        dose for place, dose in enumerate(found)
        if place in (0, len(found) - 1) or dose.prestop_s in wanted
        or (dose.failed_certain, dose.failed_possible)
        != (found[place - 1].failed_certain, found[place - 1].failed_possible)
    ]
    return tuple(chosen)


def _sum(known: tuple[int, int], row: Mapping[str, Any]) -> tuple[int, int]:
    return known[0] + row["certain_count"], known[1] + row["possible_count"]


_OF_WORKLOAD = """(workloads is null or list_contains(workloads, $workload))"""

_REMAINING = f"""
    select
        lengths.prestop_s,
        prestop_effects.cause,
        count(*) filter (where coalesce(prestop_effects.spared_from_s > lengths.prestop_s, true)) as certain_count,
        count(*) filter (where coalesce(prestop_effects.spared_surely_s > lengths.prestop_s, true)) as possible_count
    from (select unnest($lengths::bigint[]) as prestop_s) as lengths
    cross join findings.prestop_effects
    where {_OF_WORKLOAD}
    group by lengths.prestop_s, prestop_effects.cause
"""

# Whether a proxy tries again is seen from what it did: without a sign of it, only the possible is counted.
_INDUCED = f"""
    with habits as (
        select
            count(*) filter (where is_single and cause = 'endpoint_lag_refused') > 0
            and (select near_miss_count from findings.totals) = 0 as is_never_retried
        from findings.prestop_effects where {_OF_WORKLOAD}
    )
    select
        lengths.prestop_s,
        count(*) filter (where habits.is_never_retried and prestop_spared.needed_surely_s > lengths.prestop_s)
            as certain_count,
        count(*) filter (where prestop_spared.needed_s > lengths.prestop_s) as possible_count
    from (select unnest($lengths::bigint[]) as prestop_s) as lengths
    cross join findings.prestop_spared
    cross join habits
    where prestop_spared.namespace || '/' || prestop_spared.workload = $workload
    group by lengths.prestop_s
"""
