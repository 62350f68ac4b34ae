"""How many rollouts a claim takes, how long they take, and what those that were seen support.

A claim is about rollouts, because the requests of one rollout fail together: at least this share of rollouts like these
loses no request. A claim that is false is called proven with at most the stated error, however often one looks: `n`
rollouts in a row without loss have a chance of at most claim^n then, and the first loss ends the row. So one may stop
at any time and claim what the row supports (Ville's inequality for the martingale claim^-n).

A change that is not enough is revised and tested anew, which is one more chance to be wrong: the first row spends most
of the error, each later one less, together never more than all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from zdtrace.errors import UsageError

_LEFT_FOR_LATER = 0.2
"""The part of the error that each row leaves to those after it."""


class Decision(StrEnum):
    """What a row of rollouts says."""

    GO_ON = "go_on"
    PROVEN = "proven"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is to be proven: at least this share of rollouts loses nothing, with this confidence.

    `revisions` is how often a change may be replaced by a better one.
    """

    claim: float
    confidence: float = 0.95
    revisions: int = 2

    def error_of(self, row: int) -> float:
        """Return the chance of a false proof that a row (from 1) may spend."""
        error = 1 - self.confidence
        left = error * _LEFT_FOR_LATER ** (row - 1)
        return left if row > self.revisions else left * (1 - _LEFT_FOR_LATER)

    def wanted(self, row: int = 1) -> int:
        """Return how many rollouts in a row must lose nothing."""
        return clean_wanted(self.claim, self.error_of(row))

    def supported(self, clean: int, row: int = 1) -> float:
        """Return the share of rollouts that so many in a row without loss support; none support nothing."""
        return self.error_of(row) ** (1 / clean) if clean else 0.0

    def decide(self, clean: int, lossy: int, row: int = 1) -> Decision:
        """Return what a row says so far."""
        if lossy:
            return Decision.LOST
        return Decision.PROVEN if clean >= self.wanted(row) else Decision.GO_ON


def clean_wanted(claim: float, error: float) -> int:
    """Return how many rollouts in a row without loss are seen with a chance of at most `error` if less than the claim
    is true.
    """
    # What rounding adds must not cost a rollout.
    return max(1, math.ceil(math.log(error) / math.log(claim) - 1e-9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many rollouts of the workload as it is, and how many with the change; how long each takes, null if unknown.

    `settle_s` is what changing the workload and putting it back takes.
    """

    aim: Aim
    baseline: int
    verification: int
    each_s: float | None
    settle_s: float = 0.0

    @property
    def rollouts(self) -> int:
        """How many rollouts are recorded when nothing is lost with the first change."""
        return self.baseline + self.verification

    @property
    def seconds(self) -> float | None:
        """How long that takes, null when a rollout's time is not known."""
        return None if self.each_s is None else self.rollouts * self.each_s + self.settle_s


def plan(aim: Aim, *, baseline: int, each_s: float | None, settle_s: float = 0.0) -> Plan:
    """Return what it takes to prove a claim."""
    return Plan(aim=aim, baseline=baseline, verification=aim.wanted(), each_s=each_s, settle_s=settle_s)


def fitted(aim: Aim, budget_s: float, *, baseline: int, each_s: float, settle_s: float = 0.0) -> Plan:
    """Return the largest claim that fits a time. Raises UsageError when not even one rollout of each kind does.

    A claim that is smaller than the time allows stays as it is.
    """
    fit = math.floor((budget_s - settle_s) / each_s) - baseline
    if fit < 1:
        least = (baseline + 1) * each_s + settle_s
        raise UsageError(
            f"{words_s(budget_s)} are too short: a rollout takes {words_s(each_s)}, so {baseline} as it is and one "
            f"with the change take {words_s(least)}",
            hint="give a longer --budget, or a shorter load test, or fewer rollouts with --baseline 1",
        )
    # A claim is written with a few digits: rounding down keeps it true.
    claim = min(aim.claim, math.floor(aim.supported(fit) * 1000) / 1000)
    return plan(replace(aim, claim=claim), baseline=baseline, each_s=each_s, settle_s=settle_s)


def words_s(seconds: float) -> str:
    """Return a time as people write it: `45 s`, `31 min`, `2 h 5 min`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
