"""What an action is: it plans, it says why it had better not, it acts, it undoes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

from zdtrace.chaos.cluster import Cluster, Found, Ref, Restored
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.workloads import Workload, is_ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The target as it was read right before a plan is made: its pods, and the budgets that speak for them.

    `controllers` are the namespaces of ingress controllers; `is_chosen` tells of any object whether it is opted in.
    """

    cluster: Cluster
    workload: Workload
    pods: tuple[Found, ...]
    budgets: tuple[Found, ...] = ()
    controllers: tuple[str, ...] = ()
    chance: random.Random = field(default_factory=random.Random)
    is_chosen: Callable[[Found], bool] = lambda _: False

    @property
    def namespace(self) -> str:
        """Where the target is."""
        return str(self.workload.ref.namespace)

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


def names(pods: tuple[Ref, ...] | list[Ref]) -> str:
    """Return names for a sentence."""
    return ", ".join(each.name for each in pods) or "none"


def settings_of(action: Any) -> Mapping[str, Any]:
    """Return an action's fields for a journal."""
    return {name: getattr(action, name) for name in action.__slots__}
