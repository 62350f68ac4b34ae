"""Which objects belong to a recording: what the selected pods are made by, reached through and told about.

What does not belong yet is kept aside in its last version: when a new pod makes it belong, it is taken then.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from zdtrace.collectors.labels import Requirement, matches, requirements, requirements_of

_WORKLOADS = frozenset({"ReplicaSet", "Deployment", "StatefulSet", "DaemonSet"})
_ASIDE = 5_000
Take = Callable[[dict[str, Any]], None]


class Everything:
    """All that is listened to belongs."""

    looks_again = False

    def wants(self, event_type: str, found: dict[str, Any]) -> bool:  # noqa: ARG002 - a Scope
        """Tell so."""
        return True


class Touched:
    """What the pods of the selector touch: owners, Services, endpoints, routes, budgets, autoscalers, nodes, Events.

    Without a selector every pod is meant. `take` gets what was kept aside and belongs after all.
    """

    looks_again = False

    def __init__(self, selector: str | None) -> None:
        self.take: Take | None = None
        self._selector: tuple[Requirement, ...] = requirements(selector or "")
        self._is_namespace = not self._selector
        self._labels: dict[str, set[frozenset[tuple[str, str]]]] = {}
        self._names: set[tuple[str, str, str]] = set()
        self._nodes: set[str] = set()
        self._owners: set[str] = set()
        self._aside: OrderedDict[str, tuple[str, dict[str, Any]]] = OrderedDict()

    def wants(self, event_type: str, found: dict[str, Any]) -> bool:
        """Tell whether an object belongs, and learn from it what else does."""
        metadata = found.get("metadata") or {}
        uid, key = str(metadata.get("uid")), _key(found)
        before = self._size
        if not self._belongs(found):
            self._put_aside(uid, event_type, found)
            return False
        self._aside.pop(uid, None)
        self._learn(found, key)
        if before != self._size:
            self._look_again()
        return True

    @property
    def _size(self) -> int:
        return len(self._names) + len(self._nodes) + len(self._owners) + sum(map(len, self._labels.values()))

    def _put_aside(self, uid: str, event_type: str, found: dict[str, Any]) -> None:
        if event_type == "DELETED":
            self._aside.pop(uid, None)
            return
        self._aside[uid] = (event_type, found)
        self._aside.move_to_end(uid)
        if len(self._aside) > _ASIDE:
            self._aside.popitem(last=False)

    def _look_again(self) -> None:
        """Take what belongs by now; a Service that does makes its endpoints belong, so until nothing changes."""
        while late := [uid for uid, (_, found) in self._aside.items() if self._belongs(found)]:
            for uid in late:
                _, found = self._aside.pop(uid)
                self._learn(found, _key(found))
                if self.take is not None:
                    self.take(found)

    def _belongs(self, found: dict[str, Any]) -> bool:
        kind = str(found.get("kind"))
        if kind in ("Node", "Lease"):
            return (found.get("metadata") or {}).get("name") in self._nodes
        if self._is_namespace or kind == "Pod" or (found.get("metadata") or {}).get("uid") in self._owners:
            return True
        spec = found.get("spec") or {}
        if kind in _WORKLOADS:
            template = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
            return matches(self._selector, template)
        return self._is_referred_to(kind, found, spec)

    def _is_referred_to(self, kind: str, found: dict[str, Any], spec: dict[str, Any]) -> bool:
        metadata = found.get("metadata") or {}
        namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name"))
        if kind == "Service":
            return self._selects(namespace, spec.get("selector") or {})
        if kind == "PodDisruptionBudget":
            parts = requirements_of(spec.get("selector"))
            return any(matches(parts, dict(labels)) for labels in self._labels.get(namespace, ()))
        if kind == "EndpointSlice":
            service = (metadata.get("labels") or {}).get("kubernetes.io/service-name")
            return ("Service", namespace, service) in self._names
        if kind == "Endpoints":
            return ("Service", namespace, name) in self._names
        if kind == "HorizontalPodAutoscaler":
            target = spec.get("scaleTargetRef") or {}
            return (target.get("kind"), namespace, target.get("name")) in self._names
        if kind == "Event":
            return self._tells_of_us(found)
        services = {each for each in _backends(spec) if each}
        return any(("Service", namespace, service) in self._names for service in services)

    def _tells_of_us(self, event: dict[str, Any]) -> bool:
        about = event.get("involvedObject") or event.get("regarding") or {}
        kind, namespace, name = (str(about.get(each) or "") for each in ("kind", "namespace", "name"))
        if kind == "Node":
            return name in self._nodes
        # Names of ReplicaSets and pods begin with those of what made them, and may be told of before they are seen.
        return (kind, namespace, name) in self._names or any(
            namespace == home and name.startswith(f"{owner}-")
            for maker, home, owner in self._names if maker in _WORKLOADS
        )

    def _selects(self, namespace: str, wanted: dict[str, str]) -> bool:
        return bool(wanted) and any(wanted.items() <= set(labels) for labels in self._labels.get(namespace, ()))

    def _learn(self, found: dict[str, Any], key: tuple[str, str, str]) -> None:
        kind, namespace, _ = key
        spec = found.get("spec") or {}
        if kind == "Pod":
            self._nodes.update(each for each in (spec.get("nodeName"),) if each)
        if self._is_namespace:
            return
        if kind not in ("Event", "Node", "Lease"):
            self._names.add(key)
        metadata = found.get("metadata") or {}
        self._owners.update(str(each.get("uid")) for each in metadata.get("ownerReferences") or ())
        if kind == "Pod":
            self._note_labels(namespace, metadata.get("labels") or {})
        elif kind in _WORKLOADS:
            self._note_labels(namespace, ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {})

    def _note_labels(self, namespace: str, labels: dict[str, str]) -> None:
        self._labels.setdefault(namespace, set()).add(frozenset(labels.items()))


def _key(found: dict[str, Any]) -> tuple[str, str, str]:
    metadata = found.get("metadata") or {}
    return str(found.get("kind")), str(metadata.get("namespace") or ""), str(metadata.get("name"))


def _backends(spec: Any) -> set[str | None]:
    """Return the names of the Services that an Ingress or a route sends to, wherever it says so."""
    names: set[str | None] = set()
    if isinstance(spec, list):
        for each in spec:
            names |= _backends(each)
    elif isinstance(spec, dict):
        service = spec.get("service")
        if isinstance(service, dict):
            names.add(service.get("name"))
        for each in spec.get("backendRefs") or ():
            if isinstance(each, dict):
                names.add(each.get("name"))
        for value in spec.values():
            if isinstance(value, dict | list):
                names |= _backends(value)
    return names
