"""A play of a cluster: rollouts that lose what a list says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from zdtrace.analysis.recommendation import Recommendation
from zdtrace.proving.claims import Aim, plan
from zdtrace.proving.procedure import Campaign, Course
from zdtrace.proving.proof import Trial
from zdtrace.proving.treatment import Treatment


@dataclass
class Play:
    """A bench whose rollouts lose what a list says, and whose advice is made by a function of the number of changes."""

    losses: Iterator[int]
    advise_with: Callable[[int], tuple[Recommendation, Treatment]]
    each_s: float = 60.0
    limit_s: float | None = None
    doubts: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    applied: list[Treatment] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)

    def record(self, name: str) -> Trial:
        self.names.append(name)
        lost = next(self.losses)
        return Trial(name, 10_000, lost, {"endpoint_lag_refused": lost} if lost else {}, 20.0, self.each_s,
                     self.doubts.get(name))

    def advise(self, every: Sequence[Trial], latest: Sequence[Trial]) -> tuple[Recommendation, Treatment]:
        self.asked.append((len(every), len(latest)))
        return self.advise_with(len(self.applied))

    def apply(self, treatment: Treatment) -> None:
        self.applied.append(treatment)

    def left_s(self) -> float | None:
        return None if self.limit_s is None else self.limit_s - len(self.names) * self.each_s


def run(
    bench: Play, *, claim: float = 0.5, baseline: int = 2, revisions: int = 2, budget_s: float | None = None,
    says_yes: bool = True,
) -> Course:
    wished = plan(Aim(claim=claim, revisions=revisions), baseline=baseline, each_s=None)
    course = Course(wished)
    Campaign(bench, wished, lambda _: says_yes, lambda _: None, budget_s).run(course)
    return course
