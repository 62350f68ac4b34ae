"""Campaigns of rollouts with known truth: how long ended pods are still chosen, and what a recording sees of it.

Rules: a path chooses a pod until its cut-off, never later; requests come at random or at a beat; the pods of a rollout
share a delay, and each has one of its own; clocks are off by a bounded, unknown amount; a proxy that stops trying a
failed pod is silent from SIGTERM on. `test_rules.py` holds the rules against recordings of a lab.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log

from zdtrace.analysis.propagation import PodEvidence, order_statistic

CONFIDENCE = 0.95
PODS = 3
WINDOW_S = 4.0


@dataclass(frozen=True)
class World:
    """How rollouts go, and what is seen of them. Times are s, `rate` requests a second to one pod."""

    name: str
    rollouts: int = 14
    rate: float = 4.0
    is_paced: bool = False
    shared: float = 0.5
    clock_s: float = 0.0
    prestop_s: float = 60.0
    log_delay_s: float | None = None

    def cut_offs(self, chance: random.Random) -> list[float]:
        """Draw the cut-offs of one rollout's pods: a shared delay and one of each pod, in the shares of `shared`."""
        common = chance.lognormvariate(-0.5, 0.6)
        return [self.shared * common + (1 - self.shared) * chance.lognormvariate(-0.5, 0.6) for _ in range(PODS)]

    def seen(self, block: int, cut_off: float, chance: random.Random) -> tuple[PodEvidence, float]:
        """Return the evidence on one pod, and the last request as somebody would read it off the logs."""
        arrivals = list(self._arrivals(cut_off, chance))
        late = [at for at in arrivals if at >= self.prestop_s]
        if late:
            # The first request that nobody took is the last that is sent.
            arrivals = [at for at in arrivals if at <= late[0]]
        gaps = [second - first for first, second in pairwise(arrivals)]
        early = chance.uniform(0, self.clock_s)
        last = arrivals[-1] if arrivals else None
        settled = None if self.log_delay_s is None else cut_off + chance.uniform(0, self.log_delay_s)
        return PodEvidence(
            block=("simulated", block),
            path="proxy.log",
            path_kind="proxy",
            proxy="nginx",
            signalled_hi_s=self.prestop_s,
            last_lo_s=None if last is None else last - early,
            last_hi_s=None if last is None else last - early + self.clock_s,
            is_last_failed=bool(late),
            arrival_count=len(arrivals),
            arrival_window_s=arrivals[-1] - arrivals[0] if arrivals else None,
            longest_gap_s=max(gaps, default=None),
            settled_s=settled,
            observed_s=3600.0,
        ), 0.0 if last is None else max(0.0, last - early + self.clock_s / 2)

    def _arrivals(self, cut_off: float, chance: random.Random) -> Iterator[float]:
        at = -WINDOW_S + (chance.random() / self.rate if self.is_paced else chance.expovariate(self.rate))
        while at <= cut_off:
            yield at
            at += 1 / self.rate if self.is_paced else chance.expovariate(self.rate)

    def truth(self, count: int, chance: random.Random) -> tuple[list[float], list[float]]:
        """Return what bounds are held against, sorted: what so many new rollouts need, and what their pods need."""
        drawn = [self.cut_offs(chance) for _ in range(count)]
        return sorted(map(max, drawn)), sorted(each for pods in drawn for each in pods)


def quantile(sorted_values: Sequence[float], share: float) -> float:
    """Return the value that bounds a share of the values."""
    return sorted_values[min(len(sorted_values) - 1, ceil(share * len(sorted_values)) - 1)] if share > 0 else 0.0


def naive(seen: Sequence[float], coverage: float) -> tuple[float, float]:
    """Return what one would say without our care, and which share of pods it claims: raw times, each pod for itself."""
    if len(seen) * log(coverage) > log(1 - CONFIDENCE):
        return max(seen), (1 - CONFIDENCE) ** (1 / len(seen))
    rank, _ = order_statistic(len(seen), CONFIDENCE, coverage)
    return sorted(seen)[rank - 1], coverage
