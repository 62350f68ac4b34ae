"""The number that one or two rollouts give: how many of those that follow it covers, and how much too long it is."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import ceil

import pytest

from zdtrace.analysis.floors import floor
from zdtrace.analysis.needs import Need
from zdtrace.analysis.propagation import PodEvidence, bounds

CAMPAIGNS = 1_000
LATER = 20
PODS = 3


@dataclass(frozen=True)
class Reloading:
    """An ingress that reloads: a removal waits for the reload that runs, and is in the next one. Times are s.

    `typical` is a reload's length on a machine that is neither idle nor busy, `spread` how much that differs from
    rollout to rollout (sigma of the logarithm), `busy` the chance that a reload runs when a pod is taken out: in a
    rollout, the new pod's arrival has often begun one.
    """

    name: str
    typical: float
    spread: float
    busy: float = 0.7

    def rollout(self, block: int, chance: random.Random) -> tuple[list[PodEvidence], float, float]:
        """Return the evidence of a rollout, its slowest reload, and what it needs of preStop."""
        load = self.typical * chance.lognormvariate(0.0, self.spread)
        reloads = [load * chance.lognormvariate(0.0, 0.2) for _ in range(2 * PODS)]
        ends = []
        for running, own in zip(reloads[::2], reloads[1::2], strict=True):
            waits = chance.random() * running if chance.random() < self.busy else 0.0
            ends.append(chance.uniform(0.05, 0.15) + waits + own)
        return [_evidence(block, end) for end in ends], max(reloads), max(ends)


def _evidence(block: int, end: float) -> PodEvidence:
    """As the log of the reloads has it, behind a proxy that gave up on the pod at once."""
    return PodEvidence(
        block=("simulated", block), path="proxy.log", path_kind="proxy", proxy="nginx", signalled_hi_s=0.0,
        last_lo_s=0.0, last_hi_s=0.03, is_last_failed=True, arrival_count=100, arrival_window_s=4.0, longest_gap_s=0.1,
        settled_s=end, observed_s=60.0,
    )


@dataclass(frozen=True)
class Numbers:
    """Shares of later rollouts that are covered, and means of the numbers: of both, and of other ways to add up."""

    covered: float
    bound_alone: float
    mean: float
    mean_if_added: float
    least: float


def numbers(world: Reloading, seen: int) -> Numbers:
    chance = random.Random(f"{world.name} {seen}")  # noqa: S311 - the same campaigns each time
    covered = alone = 0
    means, added, leasts = 0.0, 0.0, 0.0
    for _ in range(CAMPAIGNS):
        rollouts = [world.rollout(block, chance) for block in range(seen)]
        (bound,) = bounds([each for pods, _, _ in rollouts for each in pods], 0.95, 0.95)
        base = floor("nginx", {"nginx: reload": max(slowest for _, slowest, _ in rollouts)})
        need = Need.of(bound, base, 0.0)
        later = [world.rollout(0, chance)[2] for _ in range(LATER)]
        number = ceil(need.needed_s)
        covered += sum(each <= number for each in later)
        alone += sum(each <= (bound.bound_s or 0.0) for each in later)
        means += number
        added += ceil(max(bound.bound_s or 0.0, base.seconds) + need.margin_s)
        leasts += ceil(max(later))
    every = CAMPAIGNS * LATER
    return Numbers(covered / every, alone / every, means / CAMPAIGNS, added / CAMPAIGNS, leasts / CAMPAIGNS)


WORLDS = [
    Reloading("calm", typical=0.3, spread=0.3),
    Reloading("busy", typical=0.8, spread=0.5),
    Reloading("slow", typical=1.5, spread=0.3),
]


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, int], Numbers]:
    return {(world.name, seen): numbers(world, seen) for world in WORLDS for seen in (1, 2)}


@pytest.mark.slow
@pytest.mark.parametrize(("seen", "least"), [(1, 0.88), (2, 0.93)])
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_number_of_one_or_two_rollouts_covers_most_that_follow(
    table: dict[tuple[str, int], Numbers], world: Reloading, seen: int, least: float
) -> None:
    """The slowest that was seen covers a half after one rollout, two thirds after two."""
    found = table[world.name, seen]
    assert found.covered >= least
    assert found.bound_alone < 0.7


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_margin_on_top_of_the_floor_would_be_longer_than_what_twenty_rollouts_need(
    table: dict[tuple[str, int], Numbers], world: Reloading
) -> None:
    found = table[world.name, 2]
    assert found.mean < found.least + 0.5
    assert found.mean_if_added > found.mean + 0.5
