"""Switches Ingresses from one Service to another, as blue-green releases and Helm's v1/v2 pairs do; back at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from zdtrace.chaos.actions.base import Hands, Scene, settings_of
from zdtrace.chaos.cluster import JSON, Cluster, Found, Ref, Restored
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.restoring import restore
from zdtrace.errors import ClusterError

Pointer = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchBackend:
    """All backends of these Ingresses that are the Service `from_` become `to`, with its port when one is said."""

    ingresses: tuple[str, ...]
    from_: str
    to: str
    port: int | None = None

    name: ClassVar[str] = "switchBackend"
    summary: ClassVar[str] = "send Ingresses from one Service to another, and back at the end"
    is_kept: ClassVar[bool] = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Take its settings out of the experiment's file."""
        ingresses = read_ingresses(fields)
        return cls(
            ingresses=ingresses, from_=fields.name("from"), to=fields.name("to"),
            port=fields.whole("port", None, least=1),
        )

    def plan(self, scene: Scene) -> Plan:
        """Find the backends in each Ingress."""
        edits = []
        for name in self.ingresses:
            ref = Ref(kind="Ingress", name=name, namespace=scene.namespace)
            patch = list(self._operations(scene.cluster.get(ref)))
            if not patch:
                raise ClusterError(f"{ref.words} sends nothing to the Service {self.from_}")
            edits.append(scene.cluster.prepare(ref, patch, JSON))
        words = f"requests go to service/{self.to} as soon as each proxy has seen it, and back at the end"
        return Plan(action=self.name, edits=tuple(edits), impact=(words,), settings=settings_of(self))

    def guard(self, scene: Scene, plan: Plan) -> list[str]:
        """Refuse Ingresses that nobody opted in, and a Service that has no ready endpoint."""
        why = not_chosen(scene, plan)
        if not _has_endpoints(scene, self.to):
            why.append(f"service/{self.to} has no ready endpoint: every request would fail")
        return why

    def act(self, hands: Hands, plan: Plan) -> None:
        """Change one Ingress after the other."""
        apply_all(hands, plan)

    @staticmethod
    def undo(cluster: Cluster, plan: Plan) -> tuple[Restored, ...]:
        """Switch back."""
        return restore(cluster, plan)

    def _operations(self, ingress: Found) -> Iterator[dict[str, Any]]:
        for path, service in _services(ingress.get("spec"), ("spec",)):
            if service.get("name") != self.from_:
                continue
            at = "".join(f"/{each}" for each in path)
            yield {"op": "replace", "path": f"{at}/name", "value": self.to}
            if self.port is not None:
                yield {"op": "replace", "path": f"{at}/port", "value": {"number": self.port}}


def _services(found: Any, path: Pointer) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    """Yield each `service` of a backend, with its path."""
    if isinstance(found, list):
        for number, each in enumerate(found):
            yield from _services(each, (*path, number))
    elif isinstance(found, Mapping):
        for name, value in found.items():
            if name == "service" and isinstance(value, Mapping):
                yield (*path, name), value
            else:
                yield from _services(value, (*path, name))


def _has_endpoints(scene: Scene, service: str) -> bool:
    slices = scene.cluster.every(
        "EndpointSlice", scene.namespace, labels=f"kubernetes.io/service-name={service}"
    )
    return any(
        (each.get("conditions") or {}).get("ready", True) for one in slices for each in one.get("endpoints") or ()
    )


def read_ingresses(fields: Fields) -> tuple[str, ...]:
    """Read `ingress: NAME` or `ingresses: [NAME, …]`."""
    one, several = fields.name("ingress", None), fields.texts("ingresses")
    if (one is None) == (not several):
        fields.refuse("ingress", "or `ingresses` must say which, one of them")
    return several or (one,)


def not_chosen(scene: Scene, plan: Plan) -> list[str]:
    """Return which Ingresses of a plan are not opted in."""
    return [
        f"{each.ref.words} is not opted in: label it zdtrace.io/chaos=enabled, or name its namespace"
        for each in plan.edits if not scene.is_chosen(scene.cluster.get(each.ref))
    ]


def apply_all(hands: Hands, plan: Plan) -> None:
    """Make all edits of a plan, in order."""
    for each in plan.edits:
        hands.cluster.apply(each)
        hands.did(f"changed {each.ref.words}")
