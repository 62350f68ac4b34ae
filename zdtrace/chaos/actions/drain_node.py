"""Cordons a node and evicts pods from it, as `kubectl drain` does; takes new pods again at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from zdtrace.chaos import impact
from zdtrace.chaos.actions.base import Hands, Scene, ready_among, settings_of
from zdtrace.chaos.actions.evict_pods import evict
from zdtrace.chaos.cluster import MERGE, Cluster, Found, Ref, Restored, ref_of
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore
from zdtrace.chaos.workloads import is_ending
from zdtrace.errors import ClusterError

TARGET, ALL = "target", "all"
_MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainNode:
    """`node`, or one by chance that runs a pod of the target. Only the target's pods are evicted, or `all` of them."""

    node: str | None = None
    pods: str = TARGET
    grace_period_s: int | None = None
    within_s: float = 120.0

    name: ClassVar[str] = "drainNode"
    summary: ClassVar[str] = "cordon a node and evict pods from it; uncordoned at the end"
    is_kept: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        grace_s = fields.seconds("gracePeriod", None)
        return cls(
            node=fields.name("node", None), pods=fields.choice("pods", (TARGET, ALL), TARGET),
            grace_period_s=None if grace_s is None else int(grace_s), within_s=fields.seconds("within", 120.0),
        )

    def plan(self, scene: Scene) -> Plan:
        """Choose the node, and list whom it loses."""
        nodes = sorted({str(each["spec"]["nodeName"]) for each in scene.alive if each["spec"].get("nodeName")})
        name = self.node or (scene.chance.choice(nodes) if nodes else None)
        if name is None:
            raise ClusterError(f"no pod of {scene.workload.ref.words} runs on a node", hint="name one as `node`")
        edit = scene.cluster.prepare(Ref(kind="Node", name=name), {"spec": {"unschedulable": True}}, MERGE)
        victims = tuple(ref_of(each, "Pod") for each in self._pods(scene, name))
        down = ready_among(scene, victims)
        words = impact.of_endings(scene.workload, scene.budgets, ready=len(scene.ready), ending=down)
        return Plan(
            action=self.name, victims=victims, edits=(edit,), takes_down=down, settings=settings_of(self),
            impact=(f"node/{name} takes no new pods until the end; {len(victims)} pods are evicted from it", *words),
        )

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse a node that nobody named, one that is cordoned already, the last one, and pods that nobody chose."""
        (edit,) = plan.edits
        node = scene.cluster.get(edit.ref)
        why = []
        if not (edit.ref.name in scene.nodes or scene.is_chosen(node)):
            why.append(
                f"{edit.ref.words} is not opted in: name it in `safety.nodes`, or label it zdtrace.io/chaos=enabled"
            )
        if not edit.changes:
            why.append(f"{edit.ref.words} takes no new pods already: somebody else has cordoned it")
        others = [each for each in scene.cluster.every("Node", None) if _takes_pods(each)]
        if not [each for each in others if each["metadata"]["name"] != edit.ref.name]:
            why.append(f"there is no other node that could take the pods of {edit.ref.words}")
        strangers = [
            each for each in self._pods(scene, edit.ref.name) if not (_is_of(scene, each) or scene.is_chosen(each))
        ]
        if strangers:
            names = ", ".join(f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in strangers[:3])
            why.append(f"{len(strangers)} pods on it are not opted in: {names}")
        return why

    def act(self, hands: Hands, plan: Plan) -> None:
        """Cordon, then evict these very pods, asking again while a budget says no."""
        (edit,) = plan.edits
        hands.cluster.apply(edit)
        hands.did(f"cordoned {edit.ref.words}")
        for each in plan.victims:
            evict(hands, each, self.grace_period_s, self.within_s)

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Uncordon the node."""
        return restore(cluster, plan)

    def _pods(self, scene: Scene, node: str) -> list[Found]:
        if self.pods == TARGET:
            return [each for each in scene.alive if each["spec"].get("nodeName") == node]
        every = scene.cluster.every("Pod", None, fields=f"spec.nodeName={node}")
        return [each for each in every if not is_ending(each) and not _stays(each)]


def _stays(pod: Found) -> bool:
    """Tell whether a drain leaves a pod alone: a DaemonSet's, or one that the kubelet itself runs."""
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or ()
    return _MIRROR in (metadata.get("annotations") or {}) or any(each.get("kind") == "DaemonSet" for each in owners)


def _is_of(scene: Scene, pod: Found) -> bool:
    return pod["metadata"]["uid"] in {each["metadata"]["uid"] for each in scene.pods}


def _takes_pods(node: Found) -> bool:
    conditions = {each.get("type"): each.get("status") for each in (node.get("status") or {}).get("conditions") or ()}
    return conditions.get("Ready") == "True" and not (node.get("spec") or {}).get("unschedulable")
