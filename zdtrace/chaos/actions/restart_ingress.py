"""Restarts or reloads the ingress controller: what every route of the cluster goes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from zdtrace.chaos import impact
from zdtrace.chaos.actions.base import Controller, Hands, Scene, settings_of
from zdtrace.chaos.actions.rollout_restart import prepare_restart, roll_out
from zdtrace.chaos.cluster import Cluster, Ref, Restored, ref_of
from zdtrace.chaos.executing import execute
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore
from zdtrace.chaos.workloads import ROLLED_OUT_WITHIN_S, is_ready, pods_of, read_workload
from zdtrace.errors import ClusterError

RESTART, RELOAD = "restart", "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartIngress:
    """`restart` replaces the controller's pods, `reload` lets each proxy read its configuration anew."""

    mode: str = RESTART
    command: tuple[str, ...] = ("nginx", "-s", "reload")
    container: str | None = None
    within_s: float = ROLLED_OUT_WITHIN_S

    name: ClassVar[str] = "restartIngress"
    summary: ClassVar[str] = "restart or reload the ingress controller"
    is_kept: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        return cls(
            mode=fields.choice("mode", (RESTART, RELOAD), RESTART),
            command=fields.texts("command") or ("nginx", "-s", "reload"), container=fields.name("container", None),
            within_s=fields.seconds("within", ROLLED_OUT_WITHIN_S),
        )

    def plan(self, scene: Scene) -> Plan:
        """Find the controller's pods."""
        workload = read_workload(scene.cluster, _controller(scene))
        pods = tuple(ref_of(each, "Pod") for each in pods_of(scene.cluster, workload) if is_ready(each))
        if self.mode == RELOAD:
            words = f"{len(pods)} proxies start new workers: connections on the old ones end when those do"
            return Plan(action=self.name, victims=pods, impact=(words,), settings=settings_of(self))
        words = f"{workload.ref.words} of {workload.ref.namespace} serves EVERY route of its class, and not one alone"
        return Plan(
            action=self.name, edits=(prepare_restart(scene.cluster, workload.ref),), settings=settings_of(self),
            impact=(words, *impact.of_rollout(workload, ())),
        )

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse a controller that nobody opted in: a workload's own label says nothing about it."""
        workload = read_workload(scene.cluster, _controller(scene))
        why = []
        if not scene.is_chosen(workload.found):
            why.append(
                f"the ingress controller {workload.ref.words} is not opted in: name {workload.ref.namespace} in "
                "`safety.namespaces`, or label it zdtrace.io/chaos=enabled"
            )
        if self.mode == RELOAD and not plan.victims:
            why.append("no pod of the ingress controller is ready")
        return why

    def act(self, hands: Hands, plan: Plan) -> None:
        """Replace the pods, or run the reload in each."""
        roll_out(hands, plan, self.within_s)
        for each in plan.victims:
            container = self.container or str(hands.cluster.get(each)["spec"]["containers"][0]["name"])
            hands.cluster.may_go_on()
            execute(hands.cluster.api, each, container, self.command)
            hands.did(f"ran {' '.join(self.command)} in {each.words}")

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Take the restart's annotation back; a reload leaves nothing behind."""
        return restore(cluster, plan)


def _controller(scene: Scene) -> Ref:
    """Return what runs the first ingress controller that the experiment names. Raises ClusterError."""
    if not scene.controllers:
        raise ClusterError("the experiment names no ingress controller", hint="name it as `ingress` in its file")
    first: Controller = scene.controllers[0]
    if first.workload is not None:
        return first.workload
    found = [
        ref_of(each, kind) for kind in ("Deployment", "DaemonSet")
        for each in scene.cluster.every(kind, first.namespace)
        if "ingress" in str(each["metadata"]["name"]) or "nginx" in str(each["metadata"]["name"])
    ]
    if len(found) != 1:
        raise ClusterError(
            f"which of {len(found)} workloads of {first.namespace} is the ingress controller is not clear",
            hint="name it in the experiment: ingress: [{namespace: NS, workload: deployment/NAME}]",
        )
    return found[0]
