"""What each kind of path needs of preStop: the bound of its rollouts, its floor by design, and a margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from zdtrace.analysis.floors import Floor, floor
from zdtrace.analysis.propagation import Bound, Claim, bounds, rollouts_wanted
from zdtrace.analysis.workloads import Facts

_SETTLED_AT = 59
"""From so many rollouts on the bound speaks for itself, and no margin is laid on it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one kind of path needs, s: its bound with a margin, or its floor by design, whichever is longer; `answer_s`.

    The margin stands for rollouts slower than the few that were seen, and so does the floor: they are not added.
    `answer_s` is the time an answer takes, added where the application breaks off what runs at SIGTERM. `needed_s` is
    `at least` when the bound is None: the end of the routing was not seen in the rollouts that count.
    """

    bound: Bound
    floor: Floor
    answer_s: float
    margin_s: float
    needed_s: float

    @classmethod
    def of(cls, bound: Bound, base: Floor, answer_s: float) -> Need:
        """Return what a path needs."""
        margin_s = 0.0 if bound.claim.rollouts >= _SETTLED_AT else max(1.0, 0.2 * _seen_s(bound))
        needed_s = max(_seen_s(bound) + margin_s, base.seconds) + answer_s
        return cls(bound, base, answer_s, margin_s, needed_s)

    @property
    def is_by_design(self) -> bool:
        """Whether the floor decides, not what was seen."""
        return self.floor.seconds > _seen_s(self.bound) + self.margin_s

    def as_json(self) -> dict[str, Any]:
        """Return the path as `zdtrace recommend -o json` writes it."""
        return {
            "path": self.bound.path_kind,
            "proxy": self.bound.proxy,
            "replicas": list(self.bound.paths),
            "rollouts": self.bound.claim.rollouts,
            "censored_rollouts": self.bound.censored,
            "seen_s": self.bound.seen_s,
            "bound_s": self.bound.bound_s,
            "clock_s": self.bound.clock_s,
            "floor_s": self.floor.seconds,
            "floor_parts": [asdict(part) for part in self.floor.parts],
            "answer_s": self.answer_s,
            "margin_s": self.margin_s,
            "needed_s": self.needed_s,
        }


def needs_of(facts: Facts, confidence: float, coverage: float) -> tuple[Need, ...]:
    """Return what each kind of path needs, the most demanding first."""
    answer_s = facts.answer_s if facts.is_cutting else 0.0
    found = [
        Need.of(bound, floor(bound.proxy, facts.delays), answer_s)
        for bound in bounds(facts.evidence, confidence, coverage)
    ]
    return tuple(sorted(found, key=lambda need: -need.needed_s))


def _seen_s(bound: Bound) -> float:
    return bound.at_least_s if bound.bound_s is None else bound.bound_s


def weakest_claim(needs: Sequence[Need], confidence: float) -> Claim:
    """Return the weakest of the paths' claims: a rollout is safe only if all of them are."""
    claims = [need.bound.claim for need in needs]
    return min(claims, key=lambda claim: (claim.coverage, claim.rollouts), default=Claim(confidence, 0.0, 0))


def number_of(needs: Sequence[Need]) -> int | None:
    """Return the length of preStop that satisfies every path, whole s; None when no path says anything."""
    return max((ceil(need.needed_s) for need in needs), default=None)


def more_runs(rollouts: int, confidence: float) -> tuple[tuple[int, float], ...]:
    """Return how many rollouts more support which share of rollouts."""
    wanted = ((rollouts_wanted(coverage, confidence), coverage) for coverage in (0.5, 0.8, 0.9, 0.95, 0.99))
    return tuple((count - rollouts, coverage) for count, coverage in wanted if count > rollouts)
