"""How long an application takes to finish what runs when SIGTERM comes: a bound over rollouts, as for the path."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zdtrace.analysis.propagation import Claim, order_statistic


@dataclass(frozen=True, slots=True)
class Drain:
    """The bound of the drain time, s after SIGTERM; `bound_s` is None when in too many rollouts the end was not seen.

    `seen_s` is the longest that a request was seen to run on, `answer_s` what all but one of 1000 good answers take.
    Rollouts are those in which a request ran at SIGTERM; `censored` of them had one broken off, whose end nobody knows.
    """

    claim: Claim
    censored: int
    seen_s: float
    bound_s: float | None
    answer_s: float

    @property
    def seconds(self) -> float:
        """What the grace period must leave after SIGTERM."""
        return max(self.seen_s if self.bound_s is None else self.bound_s, self.answer_s)

    def as_json(self) -> dict[str, Any]:
        """Return it as `zdtrace recommend -o json` writes it."""
        return {
            "rollouts": self.claim.rollouts, "censored_rollouts": self.censored, "seen_s": self.seen_s,
            "bound_s": self.bound_s, "coverage": self.claim.coverage, "answer_s": self.answer_s,
            "seconds": self.seconds,
        }


def drain_of(
    pods: Iterable[tuple[tuple[str, int], Mapping[str, Any]]], answer_s: float, confidence: float, coverage: float
) -> Drain:
    """Return the bound over pods: their block, and `drain_s`, `finished_count`, `cut_count` of prestop_evidence.

    A rollout counts with its slowest pod. A pod that broke a request off has not shown how long that would have run.
    """
    blocks: dict[tuple[str, int], float] = {}
    seen_s = 0.0
    for block, row in pods:
        if row["finished_count"]:
            seen_s = max(seen_s, row["drain_s"] or 0.0)
        if row["cut_count"]:
            blocks[block] = math.inf
        elif row["finished_count"]:
            blocks[block] = max(blocks.get(block, 0.0), row["drain_s"] or 0.0)
    if not blocks:
        return Drain(Claim(confidence, 0.0, 0), 0, seen_s, None, answer_s)
    rank, supported = order_statistic(len(blocks), confidence, coverage)
    chosen = sorted(blocks.values())[rank - 1]
    is_seen = math.isfinite(chosen)
    return Drain(
        claim=Claim(confidence, supported if is_seen else 0.0, len(blocks)),
        censored=sum(not math.isfinite(each) for each in blocks.values()),
        seen_s=seen_s,
        bound_s=chosen if is_seen else None,
        answer_s=answer_s,
    )
