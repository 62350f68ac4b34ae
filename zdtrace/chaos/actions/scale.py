"""Scales the workload up or down, and back at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from zdtrace.chaos import impact
from zdtrace.chaos.actions.base import Hands, Scene, settings_of
from zdtrace.chaos.actions.rollout_restart import roll_out
from zdtrace.chaos.cluster import Cluster, Restored
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore
from zdtrace.chaos.workloads import ROLLED_OUT_WITHIN_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """To so many `replicas`, or `by` so many more (or, below 0, fewer)."""

    replicas: int | None = None
    by: int | None = None
    within_s: float = ROLLED_OUT_WITHIN_S

    name: ClassVar[str] = "scale"
    summary: ClassVar[str] = "scale up or down, and back at the end"
    is_kept: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        replicas, by = fields.whole("replicas", None), fields.whole("by", None, least=-10_000)
        if (replicas is None) == (by is None):
            fields.refuse("replicas", "or `by` must say how far to scale, one of them")
        return cls(replicas=replicas, by=by, within_s=fields.seconds("within", ROLLED_OUT_WITHIN_S))

    def plan(self, scene: Scene) -> Plan:
        """Prepare the number."""
        workload = scene.workload
        wanted = self.replicas if self.replicas is not None else max(0, workload.wanted + (self.by or 0))
        edit = scene.cluster.prepare(workload.ref, {"spec": {"replicas": wanted}})
        fewer = max(0, len(scene.ready) - wanted)
        words = f"{workload.wanted} -> {wanted} pods, and back to {workload.wanted} at the end"
        # Going back down ends pods as well.
        ending = fewer or max(0, wanted - workload.wanted)
        most = max(len(scene.ready), wanted)
        return Plan(
            action=self.name, edits=(edit,), takes_down=fewer, settings=settings_of(self),
            impact=(words, *impact.of_endings(workload, scene.budgets, ready=most, ending=ending)),
        )

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse where another one decides how many pods there are."""
        if scene.workload.ref.kind == "DaemonSet":
            return ["a DaemonSet has as many pods as there are nodes"]
        ours = (scene.workload.ref.kind, scene.workload.ref.name)
        for each in scene.cluster.every("HorizontalPodAutoscaler", scene.namespace):
            target = (each.get("spec") or {}).get("scaleTargetRef") or {}
            if (target.get("kind"), target.get("name")) == ours:
                return [f"the autoscaler {each['metadata']['name']} decides how many pods there are"]
        same = all(not each.changes for each in plan.edits)
        return ["it has that many pods already: nothing would change"] if same else []

    def act(self, hands: Hands, plan: Plan) -> None:
        """Scale, and wait until it is done."""
        roll_out(hands, plan, self.within_s)

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Scale back."""
        return restore(cluster, plan)
