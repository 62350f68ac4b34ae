"""What an action is: it plans, it says why it had better not, it acts, it undoes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol, Self

from zdtrace.chaos.cluster import Cluster, Found, Ref, Restored, ref_of
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.workloads import Workload, is_ending, is_ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """An ingress controller: its namespace and, where it is known, what runs it."""

    namespace: str
    workload: Ref | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The target as it was read right before a plan is made.

    `pods` are those of the target that may be touched, by name. `is_chosen` tells of any object whether it is opted
    in, by its label or by its namespace; `nodes` are nodes that are named for it.
    """

    cluster: Cluster
    workload: Workload
    pods: tuple[Found, ...]
    budgets: tuple[Found, ...] = ()
    controllers: tuple[Controller, ...] = ()
    nodes: tuple[str, ...] = ()
    chance: random.Random = field(default_factory=random.Random)
    is_chosen: Callable[[Found], bool] = lambda _: False

    @property
    def namespace(self) -> str:
        """Where the target is."""
        return str(self.workload.ref.namespace)

    @property
    def alive(self) -> tuple[Found, ...]:
        """The pods that are not ending."""
        return tuple(each for each in self.pods if not is_ending(each))

    @property
    def ready(self) -> tuple[Found, ...]:
        """The pods that serve."""
        return tuple(filter(is_ready, self.pods))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What an action acts with. `did` writes something down on the way; `wait` sleeps, or raises when it is to stop."""

    cluster: Cluster
    did: Callable[[str], None] = lambda _: None
    wait: Callable[[float], object] = time.sleep


class Action(Protocol):
    """One thing that an experiment does. Its fields are what the file says of it."""

    name: ClassVar[str]
    summary: ClassVar[str]
    is_kept: ClassVar[bool]
    """Whether its edits stay when the experiment ends well: taking them back would be another disruption."""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file. Raises UsageError."""
        ...

    def plan(self, scene: Scene) -> Plan:
        """Say exactly what would be done, and change nothing. Raises ClusterError."""
        ...

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Return why this had better not be done, beside what holds for every action."""
        ...

    def act(self, hands: Hands, plan: Plan) -> None:
        """Do what was planned, no more. Raises ClusterError."""
        ...

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Take back what can be taken back, as far as it was done. Raises ClusterError."""
        ...


def settings_of(action: Any) -> Mapping[str, Any]:
    """Return an action's fields, as a journal tells them."""
    return {each.name: value for each in fields(action) if (value := getattr(action, each.name)) is not None}


def chosen_pods(scene: Scene, count: int | None, share: float | None) -> tuple[Ref, ...]:
    """Choose victims by chance among the pods that are not ending: a count, or a share (rounded down, at least one)."""
    alive = scene.alive
    wanted = count if count is not None else max(1, int(len(alive) * (share or 0.0)))
    found = scene.chance.sample(alive, min(wanted, len(alive)))
    return tuple(sorted((ref_of(each, "Pod") for each in found), key=lambda each: each.name))


def ready_among(scene: Scene, victims: Iterable[Ref]) -> int:
    """Return how many of the victims serve."""
    uids = {each.uid for each in victims}
    return sum(each["metadata"]["uid"] in uids for each in scene.ready)


def count_or_share(fields: Fields) -> tuple[int | None, float | None]:
    """Read `count` or `share` of an action; one pod when neither is said."""
    count, share = fields.whole("count", None, least=1), fields.share("share", None)
    if count is not None and share is not None:
        fields.refuse("share", "and `count` do not go together", hint="leave one of them out")
    return (1, None) if count is share is None else (count, share)
