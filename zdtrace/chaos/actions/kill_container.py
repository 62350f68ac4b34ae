"""Kills a container inside its pod, which stays and starts the container anew: no endpoint is removed first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from zdtrace.chaos import impact
from zdtrace.chaos.actions.base import Hands, Scene, chosen_pods, count_or_share, ready_among, settings_of
from zdtrace.chaos.cluster import Cluster, Found, Ref, Restored
from zdtrace.chaos.executing import execute
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore
from zdtrace.errors import ClusterError

SIGNALS = ("TERM", "INT", "QUIT", "HUP", "KILL", "ABRT", "SEGV")
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class KillContainer:
    """Sends a signal to the first process of a container (the pod's first, when no name is said).

    The kernel lets no process of a container end its first one by KILL: `command` does it another way there.
    """

    container: str | None = None
    signal: str = "TERM"
    command: tuple[str, ...] = ()
    count: int | None = 1
    share: float | None = None
    within_s: float = 60.0

    name: ClassVar[str] = "killContainer"
    summary: ClassVar[str] = "end a container's process; its pod stays and starts it anew"
    is_kept: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        count, share = count_or_share(fields)
        return cls(
            container=fields.name("container", None), signal=fields.choice("signal", SIGNALS, "TERM"),
            command=fields.texts("command"), count=count, share=share, within_s=fields.seconds("within", 60.0),
        )

    @property
    def words(self) -> tuple[str, ...]:
        """What is run in the container."""
        return self.command or ("sh", "-c", f"kill -{self.signal} 1")

    def plan(self, scene: Scene) -> Plan:
        """Choose the victims."""
        victims = chosen_pods(scene, self.count, self.share)
        down = ready_among(scene, victims)
        first = "the pod stays in rotation until it is seen not to be ready: requests on it and to it fail meanwhile"
        words = impact.of_endings(scene.workload, scene.budgets, ready=len(scene.ready), ending=down)
        return Plan(
            action=self.name, victims=victims, impact=(first, *words), takes_down=down, settings=settings_of(self)
        )

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse when no pod has such a container."""
        by_name = {str(each["metadata"]["name"]): each for each in scene.pods}
        missing = [each.name for each in plan.victims if self._status(by_name[each.name]) is None]
        if missing:
            return [f"{missing[0]} has no running container `{self.container or 'at all'}`"]
        return [] if plan.victims else ["there is no pod whose container could be killed"]

    def act(self, hands: Hands, plan: Plan) -> None:
        """Run the command in each of these very pods, and wait until each container has ended."""
        before: list[tuple[Ref, int]] = []
        for each in plan.victims:
            pod = hands.cluster.get(each)
            status = self._status(pod) or {}
            before.append((each, int(status.get("restartCount") or 0)))
            hands.cluster.may_go_on()
            execute(hands.cluster.api, each, str(status.get("name")), self.words)
            hands.did(f"ran {' '.join(self.words)} in {each.words}")
        for each, restarts in before:
            self._await_end(hands, each, restarts)

    def _await_end(self, hands: Hands, pod: Ref, restarts: int) -> None:
        left_s = self.within_s
        while (found := hands.cluster.find(pod)) is not None:
            status = self._status(found) or {}
            if int(status.get("restartCount") or 0) > restarts or "running" not in (status.get("state") or {}):
                hands.did(f"the container of {pod.words} has ended")
                return
            if left_s <= 0:
                raise ClusterError(
                    f"the container of {pod.words} did not end: its first process does not obey SIG{self.signal}",
                    hint="name another `signal`, or a `command` that ends it",
                )
            hands.wait(_LOOK_EVERY_S)
            left_s -= _LOOK_EVERY_S

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Take nothing back: the kubelet starts the container anew by itself."""
        return restore(cluster, plan)

    def _status(self, pod: Found) -> dict[str, Any] | None:
        every = (pod.get("status") or {}).get("containerStatuses") or ()
        names = [str(each.get("name")) for each in (pod.get("spec") or {}).get("containers") or ()]
        wanted = self.container or (names[0] if names else "")
        return next((each for each in every if each.get("name") == wanted), None)
