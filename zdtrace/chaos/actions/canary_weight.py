"""Changes how much traffic a canary Ingress takes, by ingress-nginx's annotation; back at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from zdtrace.chaos.actions.base import Hands, Scene, settings_of
from zdtrace.chaos.actions.switch_backend import apply_all, not_chosen, read_ingresses
from zdtrace.chaos.cluster import MERGE, Cluster, Ref, Restored
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore

ANNOTATION = "nginx.ingress.kubernetes.io/canary-weight"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryWeight:
    """`weight` per cent of the requests, for these Ingresses."""

    ingresses: tuple[str, ...]
    weight: int
    annotation: str = ANNOTATION

    name: ClassVar[str] = "canaryWeight"
    summary: ClassVar[str] = "change the weight of a canary Ingress, and back at the end"
    is_kept: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        return cls(
            ingresses=read_ingresses(fields), weight=fields.whole("weight"),
            annotation=fields.text("annotation", ANNOTATION),
        )

    def plan(self, scene: Scene) -> Plan:
        """Prepare the annotation of each Ingress."""
        patch = {"metadata": {"annotations": {self.annotation: str(self.weight)}}}
        refs = [Ref(kind="Ingress", name=name, namespace=scene.namespace) for name in self.ingresses]
        edits = tuple(scene.cluster.prepare(each, patch, MERGE) for each in refs)
        words = f"{self.weight} % of the requests go to the canary, until the end"
        return Plan(action=self.name, edits=edits, impact=(words,), settings=settings_of(self))

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse Ingresses that nobody opted in, and those that are no canaries."""
        why = not_chosen(scene, plan)
        if self.annotation == ANNOTATION:
            for each in plan.edits:
                annotations = scene.cluster.get(each.ref)["metadata"].get("annotations") or {}
                if annotations.get("nginx.ingress.kubernetes.io/canary") != "true":
                    why.append(f"{each.ref.words} is no canary: its annotation …/canary is not true")
        return why

    def act(self, hands: Hands, plan: Plan) -> None:
        """Change one Ingress after the other."""
        apply_all(hands, plan)

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Set the weights back."""
        return restore(cluster, plan)
