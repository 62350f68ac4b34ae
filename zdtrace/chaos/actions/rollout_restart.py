"""Replaces all pods of the workload, as `kubectl rollout restart` does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from zdtrace.chaos import impact
from zdtrace.chaos.actions.base import Hands, Scene, settings_of
from zdtrace.chaos.cluster import Cluster, Edit, Ref, Restored
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore
from zdtrace.chaos.workloads import ROLLED_OUT_WITHIN_S, wait_rolled_out

ANNOTATION = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRestart:
    """The next action begins when the rollout is finished; `within_s` is how long that may take."""

    within_s: float = ROLLED_OUT_WITHIN_S

    name: ClassVar[str] = "rolloutRestart"
    summary: ClassVar[str] = "replace all pods, as kubectl rollout restart does"
    is_kept: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        return cls(within_s=fields.seconds("within", ROLLED_OUT_WITHIN_S))

    def plan(self, scene: Scene) -> Plan:
        """Prepare the annotation that makes pods new."""
        return rollout_plan(self, scene, prepare_restart(scene.cluster, scene.workload.ref))

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse what would begin only when somebody else resumes it."""
        return paused(scene)

    def act(self, hands: Hands, plan: Plan) -> None:
        """Begin the rollout, and wait for its end."""
        roll_out(hands, plan, self.within_s)

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Take the annotation back: that rolls back to the pods of before, as `kubectl rollout undo` does."""
        return restore(cluster, plan)


def prepare_restart(cluster: Cluster, workload: Ref) -> Edit:
    """Return the edit that makes all pods of a workload new."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return cluster.prepare(workload, {"spec": {"template": {"metadata": {"annotations": {ANNOTATION: now}}}}})


def rollout_plan(action: Any, scene: Scene, edit: Edit) -> Plan:
    """Return the plan of an action that replaces all pods by an edit."""
    return Plan(
        action=action.name, edits=(edit,), impact=impact.of_rollout(scene.workload, scene.budgets),
        takes_down=impact.unavailable_in_rollout(scene.workload), settings=settings_of(action),
    )


def paused(scene: Scene) -> list[str]:
    """Return that the Deployment is paused, if it is."""
    words = f"{scene.workload.ref.words} is paused: nothing would be rolled out"
    return [words] if scene.workload.spec.get("paused") else []


def roll_out(hands: Hands, plan: Plan, within_s: float) -> None:
    """Make the edits and wait until each workload is rolled out."""
    for each in plan.edits:
        hands.cluster.apply(each)
        hands.did(f"changed {each.ref.words}")
    for each in plan.edits:
        wait_rolled_out(hands.cluster, each.ref, within_s=within_s, wait=hands.wait)
        hands.did(f"{each.ref.words} is rolled out")
