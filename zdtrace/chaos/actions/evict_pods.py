"""Evicts pods through the API, which keeps to disruption budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from zdtrace.chaos import impact
from zdtrace.chaos.actions.base import Hands, Scene, chosen_pods, count_or_share, ready_among, settings_of
from zdtrace.chaos.cluster import Cluster, Ref, Restored
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore
from zdtrace.errors import ClusterError

_AGAIN_AFTER_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictPods:
    """How many, or which share; `within_s` is how long to ask again while a budget says no."""

    count: int | None = 1
    share: float | None = None
    grace_period_s: int | None = None
    within_s: float = 30.0

    name: ClassVar[str] = "evictPods"
    summary: ClassVar[str] = "evict pods; disruption budgets are kept to"
    is_kept: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        count, share = count_or_share(fields)
        grace_s, within_s = fields.seconds("gracePeriod", None), fields.seconds("within", 30.0)
        return cls(
            count=count, share=share, grace_period_s=None if grace_s is None else int(grace_s), within_s=within_s
        )

    def plan(self, scene: Scene) -> Plan:
        """Choose the victims."""
        victims = chosen_pods(scene, self.count, self.share)
        down = ready_among(scene, victims)
        words = impact.of_endings(scene.workload, scene.budgets, ready=len(scene.ready), ending=down)
        return Plan(action=self.name, victims=victims, impact=words, takes_down=down, settings=settings_of(self))

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse when there is nobody to evict."""
        return [] if plan.victims else ["there is no pod to evict"]

    def act(self, hands: Hands, plan: Plan) -> None:
        """Evict these very pods, one after the other."""
        for each in plan.victims:
            evict(hands, each, self.grace_period_s, self.within_s)

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Take nothing back: their controller makes new ones by itself."""
        return restore(cluster, plan)


def evict(hands: Hands, pod: Ref, grace_s: int | None, within_s: float) -> None:
    """Evict a pod, asking again while a budget forbids it. Raises ClusterError when it still does after `within_s`."""
    left_s = within_s
    while not hands.cluster.evict_pod(pod, grace_s):
        if left_s <= 0:
            hands.did(f"eviction of {pod.words} was refused by its disruption budget")
            raise ClusterError(
                f"{pod.words} is not evicted: its disruption budget forbade it for {within_s:g} s",
                hint="that is what the budget is for; `within` says how long to ask again",
            )
        hands.wait(min(_AGAIN_AFTER_S, left_s))
        left_s -= _AGAIN_AFTER_S
    hands.did(f"evicted {pod.words}")
