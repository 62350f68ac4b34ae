"""Deletes pods, as `kubectl delete pod` does; what made them makes new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from zdtrace.chaos import impact
from zdtrace.chaos.actions.base import Hands, Scene, chosen_pods, count_or_share, ready_among, settings_of
from zdtrace.chaos.cluster import Cluster, Restored
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePods:
    """How many, or which share of them; their own grace period unless `grace_period_s` says another (0: at once)."""

    count: int | None = 1
    share: float | None = None
    grace_period_s: int | None = None

    name: ClassVar[str] = "deletePods"
    summary: ClassVar[str] = "delete pods, gracefully or with a given grace period"
    is_kept: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        count, share = count_or_share(fields)
        grace_s = fields.seconds("gracePeriod", None)
        return cls(count=count, share=share, grace_period_s=None if grace_s is None else int(grace_s))

    def plan(self, scene: Scene) -> Plan:
        """Choose the victims."""
        victims = chosen_pods(scene, self.count, self.share)
        down = ready_among(scene, victims)
        words = impact.of_endings(scene.workload, scene.budgets, ready=len(scene.ready), ending=down)
        if self.grace_period_s == 0:
            words = ("grace period 0: no preStop, no SIGTERM; every request on these pods is cut", *words)
        return Plan(
            action=self.name, victims=victims, impact=words, takes_down=down, settings=settings_of(self),
        )

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse when there are fewer pods than were to be deleted."""
        wanted = self.count or 0
        return [f"only {len(plan.victims)} pods are there to delete, {wanted} were wanted"] if (
            len(plan.victims) < max(1, wanted)
        ) else []

    def act(self, hands: Hands, plan: Plan) -> None:
        """Delete these very pods, by their uid."""
        for each in plan.victims:
            hands.cluster.delete_pod(each, self.grace_period_s)
            hands.did(f"deleted {each.words}")

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Take nothing back: their controller makes new ones by itself."""
        return restore(cluster, plan)
