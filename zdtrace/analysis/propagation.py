"""How long a path goes on choosing a pod that is being ended: from evidence on single pods to a bound for rollouts.

Seconds count from the kubelet's start of the kill, from which preStop counts too. Nothing here knows a distribution:
the bound is an order statistic over rollouts, because the pods of one rollout share their delays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MISSED = 0.01
"""The chance that a pod was chosen still later than the gap between its requests lets us see."""
EJECTING = ("nginx", "nginx-kic")
"""Proxies that by default stop trying a pod for a while after one failure: its silence then tells nothing."""


@dataclass(frozen=True, slots=True)
class PodEvidence:
    """One ended pod on one path, as findings.prestop_evidence has it; s after the kill, `hi` the latest possible."""

    block: tuple[str, int]
    path: str
    path_kind: str
    proxy: str
    signalled_hi_s: float | None
    last_lo_s: float | None
    last_hi_s: float | None
    is_last_failed: bool
    arrival_count: int
    arrival_window_s: float | None
    longest_gap_s: float | None
    settled_s: float | None
    observed_s: float | None

    @classmethod
    def from_row(cls, recording: str, row: Mapping[str, Any]) -> PodEvidence:
        """Return the evidence of a row; blocks of different recordings are different ones."""
        names = [name for name in cls.__slots__ if name != "block"]
        return cls(block=(recording, row["block_at_ns"]), **{name: row[name] for name in names})

    @property
    def is_exercised(self) -> bool:
        """Whether the path says anything of this pod: it chose it at some time, or logged the removal."""
        return self.last_hi_s is not None or self.settled_s is not None

    @property
    def is_ejected(self) -> bool:
        """Whether the path may have stopped because the pod failed, not because it was taken out."""
        return self.is_last_failed and self.proxy in EJECTING

    def latest_s(self, gap_s: float) -> float | None:
        """Return until when at most the path chose the pod; None when it was not watched to the end (censored).

        `gap_s` is how much later than the last request seen one may have been due.
        """
        settled = None if self.settled_s is None else max(self.settled_s, self.last_lo_s or 0.0)
        if self.last_hi_s is None or self.is_ejected:
            return settled
        seen = max(self.last_hi_s + gap_s, 0.0)
        watched = -math.inf if self.observed_s is None else self.observed_s
        if not math.isfinite(seen) or watched < max(seen, self.signalled_hi_s or 0.0):
            return settled
        return seen if settled is None else min(seen, settled)


def gaps_s(evidence: Sequence[PodEvidence]) -> list[float]:
    """Return for each pod how much later than the last request seen one may have been due, all but for `MISSED`.

    How often requests come is taken from all pods of a recording on the same path, which share its load.
    """
    seen: dict[tuple[str, str], tuple[float, float]] = {}
    for each in evidence:
        gaps, window_s = seen.get((each.block[0], each.path), (0.0, 0.0))
        if each.arrival_count > 1:
            gaps, window_s = gaps + each.arrival_count - 1, window_s + (each.arrival_window_s or 0.0)
        seen[each.block[0], each.path] = gaps, window_s
    pooled = [(each, *seen[each.block[0], each.path]) for each in evidence]
    return [arrival_gap_s(gaps, window_s, each.longest_gap_s or 0.0) for each, gaps, window_s in pooled]


def arrival_gap_s(gaps: float, window_s: float, longest_s: float) -> float:
    """Return how long after the last request another was due, missed with a chance of `MISSED` at most.

    `gaps` between requests were seen in `window_s`. If requests come at random (Poisson), the next gap and the sum of
    those seen have a ratio of known distribution; if they come at a beat, none is longer than the longest seen.
    """
    if gaps < 1 or window_s <= 0:
        return math.inf
    exponent = math.log(1 / MISSED) / gaps
    at_random = window_s * math.expm1(exponent) if exponent < 700 else math.inf
    return max(at_random, longest_s)


@dataclass(frozen=True, slots=True)
class Claim:
    """What the rollouts support: with this confidence, at least this share of rollouts like them needs no more."""

    confidence: float
    coverage: float
    rollouts: int


@dataclass(frozen=True, slots=True)
class Bound:
    """The bound of one kind of path. `bound_s` is None when the rollouts that count were not watched to the end.

    `seen_s` is the latest certain choice of an ended pod, `at_least_s` the latest that may have been one.
    """

    path_kind: str
    proxy: str
    paths: tuple[str, ...]
    claim: Claim
    censored: int
    seen_s: float
    at_least_s: float
    bound_s: float | None
    clock_s: float


def bounds(evidence: Iterable[PodEvidence], confidence: float, coverage: float) -> tuple[Bound, ...]:
    """Return a bound for each kind of path that says anything, slowest first."""
    kinds: dict[tuple[str, str], list[PodEvidence]] = {}
    for each in evidence:
        if each.is_exercised:
            kinds.setdefault((each.path_kind, each.proxy), []).append(each)
    # All bounds are to hold together, so each gets its part of the doubt.
    sure = 1 - (1 - confidence) / max(1, len(kinds))
    found = [_bound(kind, rows, sure, confidence, coverage) for kind, rows in kinds.items()]
    return tuple(sorted(found, key=lambda each: -(math.inf if each.bound_s is None else each.bound_s)))


def _bound(
    kind: tuple[str, str], rows: Sequence[PodEvidence], sure: float, confidence: float, coverage: float
) -> Bound:
    blocks: dict[tuple[str, int], float] = {}
    for each, gap_s in zip(rows, gaps_s(rows), strict=True):
        found = each.latest_s(gap_s)
        latest = math.inf if found is None else found
        blocks[each.block] = max(latest, blocks.get(each.block, 0.0))
    rank, supported = order_statistic(len(blocks), sure, coverage)
    chosen = sorted(blocks.values())[rank - 1]
    last = [each for each in rows if each.last_hi_s is not None]
    return Bound(
        path_kind=kind[0],
        proxy=kind[1],
        paths=tuple(sorted({each.path for each in rows})),
        claim=Claim(confidence, supported if math.isfinite(chosen) else 0.0, len(blocks)),
        censored=sum(not math.isfinite(value) for value in blocks.values()),
        seen_s=max((max(each.last_lo_s or 0.0, 0.0) for each in last), default=0.0),
        at_least_s=max((max(each.last_hi_s or 0.0, 0.0) for each in last), default=0.0),
        bound_s=chosen if math.isfinite(chosen) else None,
        clock_s=max((_clock_s(each) for each in last), default=0.0),
    )


def _clock_s(each: PodEvidence) -> float:
    return 0.0 if each.last_lo_s is None or each.last_hi_s is None else (each.last_hi_s - each.last_lo_s) / 2


def order_statistic(count: int, confidence: float, coverage: float) -> tuple[int, float]:
    """Return which of `count` sorted block maxima bounds a share of rollouts, and that share.

    It is the smallest one that bounds `coverage` with `confidence` whatever the distribution; with too few blocks it is
    the largest, and the share is what that supports. A block whose end was missed (`MISSED`) is counted as too small.
    """
    missed = coverage + (1 - coverage) * MISSED
    below = 0.0
    for rank in range(1, count + 1):
        below += math.comb(count, rank - 1) * missed ** (rank - 1) * (1 - missed) ** (count - rank + 1)
        if below >= confidence:
            return rank, coverage
    return count, supported_by(count, confidence)


def supported_by(count: int, confidence: float) -> float:
    """Return which share of rollouts the largest of `count` block maxima bounds."""
    return max(0.0, ((1 - confidence) ** (1 / count) - MISSED) / (1 - MISSED)) if count else 0.0


def rollouts_wanted(coverage: float, confidence: float) -> int:
    """Return how many rollouts it takes to bound that share of them."""
    return math.ceil(math.log(1 - confidence) / math.log(coverage + (1 - coverage) * MISSED))
