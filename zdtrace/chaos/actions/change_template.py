"""Rolls out another image, or any other change of the pod template, and back at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from zdtrace.chaos.actions.base import Hands, Scene
from zdtrace.chaos.actions.rollout_restart import paused, roll_out, rollout_plan
from zdtrace.chaos.cluster import Cluster, Restored
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore
from zdtrace.chaos.workloads import ROLLED_OUT_WITHIN_S
from zdtrace.errors import ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTemplate:
    """`image` for a container (the only one, when no name is said), or a strategic merge patch of the template."""

    image: str | None = None
    container: str | None = None
    template: Mapping[str, Any] | None = None
    within_s: float = ROLLED_OUT_WITHIN_S

    name: ClassVar[str] = "changeTemplate"
    summary: ClassVar[str] = "roll out another image or pod template, and back at the end"
    is_kept: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        image, template = fields.text("image", None), fields.take("template", None)
        if (image is None) == (template is None):
            fields.refuse("image", "or `template` must say what is rolled out, one of them")
        if template is not None and not isinstance(template, Mapping):
            fields.refuse("template", "holds no fields", hint="write it as in a Deployment, below spec.template")
        return cls(
            image=image, container=fields.name("container", None), template=template,
            within_s=fields.seconds("within", ROLLED_OUT_WITHIN_S),
        )

    def plan(self, scene: Scene) -> Plan:
        """Let the API server say what would change, and change nothing."""
        patch = self.template
        if self.image is not None:
            patch = {"spec": {"containers": [{"name": self._container(scene), "image": self.image}]}}
        edit = scene.cluster.prepare(scene.workload.ref, {"spec": {"template": patch}})
        plan = rollout_plan(self, scene, edit)
        # What the template says may be secret; the edit names the fields that change, and those only.
        settings = {name: value for name, value in plan.settings.items() if name != "template"}
        return Plan(
            action=plan.action, edits=plan.edits, impact=plan.impact, takes_down=plan.takes_down, settings=settings
        )

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse a change that is none, and one that would wait for somebody to resume it."""
        is_same = not any(each.changes for each in plan.edits)
        return [*paused(scene), *(["the template says that already: nothing would change"] if is_same else [])]

    def act(self, hands: Hands, plan: Plan) -> None:
        """Begin the rollout, and wait for its end."""
        roll_out(hands, plan, self.within_s)

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Set the fields back to what they were: a rollout back."""
        return restore(cluster, plan)

    def _container(self, scene: Scene) -> str:
        names = [str(each.get("name")) for each in scene.workload.pod_spec.get("containers") or ()]
        if self.container in names:
            return str(self.container)
        if self.container is None and len(names) == 1:
            return names[0]
        raise ClusterError(
            f"{scene.workload.ref.words} has the containers {', '.join(names)}",
            hint="name one of them as `container` of changeTemplate",
        )
