"""A copy of a workload for those who may not touch the real one: its own Deployment, Services and host at the ingress.

No Service, budget or policy that speaks for the workload's pods speaks for the copy's: the labels by which they choose
have other values there. The copy's host is reached through the same ingress; what the load test asks is changed to it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zdtrace.chaos.cluster import MADE_BY, Cluster, Found, Ref
from zdtrace.chaos.journal import ActionJournal, Plan
from zdtrace.chaos.undoing import restore_patiently
from zdtrace.chaos.workloads import Workload
from zdtrace.errors import UsageError

OF = "zdtrace.io/copy-of"
"""The label of the copy's pods, by which its Deployment and Services choose them."""
_SUFFIX = "-zdtrace"
_HOST = "zdtrace-copy"
_OF_SERVICES = ("clusterIP", "clusterIPs", "healthCheckNodePort", "loadBalancerIP", "externalIPs")


@dataclass(frozen=True, slots=True)
class Copy:
    """What is created, in this order, and what stands for what in the load command: (the workload's, the copy's).

    `addresses` are those of the workload's Services: which the copy's will have is known when they are made.
    """

    objects: tuple[Found, ...]
    names: tuple[tuple[str, str], ...]
    addresses: tuple[str, ...] = ()

    @property
    def refs(self) -> tuple[Ref, ...]:
        """Return the objects by name."""
        return tuple(
            Ref(kind=each["kind"], name=each["metadata"]["name"], namespace=each["metadata"]["namespace"])
            for each in self.objects
        )


def plan_copy(cluster: Cluster, workload: Workload, mark: str, *, host: str | None = None) -> Copy:
    """Return a copy of a Deployment and of the way to it; `mark` is what each object carries. Changes nothing.

    `host` is the copy's at the ingress, `zdtrace-copy.` before the workload's own when not said. Raises UsageError.
    """
    if workload.ref.kind != "Deployment":
        raise UsageError(
            f"{workload.ref.words} cannot be copied: its pods have identities and volumes of their own",
            hint="only Deployments can be",
        )
    home = workload.ref.namespace
    labels = (workload.template.get("metadata") or {}).get("labels") or {}
    services = [each for each in cluster.every("Service", home) if _selects(each, labels)]
    choosing = {key for each in services for key in each["spec"]["selector"]}
    choosing |= set((workload.spec.get("selector") or {}).get("matchLabels") or {})
    made = [_deployment(workload, labels, choosing, mark), *(_service(each, workload, mark) for each in services)]
    names = {each["metadata"]["name"] for each in services}
    pairs: list[tuple[str, str]] = []
    for each in cluster.every("Ingress", home):
        found = _ingress(each, names, host, mark)
        if found is not None:
            made.append(found)
            pairs += zip(_hosts(each, names), _hosts(found, {renamed(name) for name in names}), strict=True)
    pairs += [(f"{name}.{home}", f"{renamed(name)}.{home}") for name in names]
    addresses = [each["spec"].get("clusterIP") for each in services]
    return Copy(tuple(made), tuple(pairs), tuple(each for each in addresses if each not in (None, "", "None")))


class Copied:
    """A copy that is there: made after the journal says so, and removed by it."""

    def __init__(self, cluster: Cluster, journal: ActionJournal, mark: str) -> None:
        self.cluster = cluster
        self.mark = mark
        self._journal = journal
        self._made: tuple[int, Plan] | None = None

    def make(self, found: Copy) -> tuple[tuple[str, str], ...]:
        """Create it; returns what stands for what. Raises ClusterError."""
        words = tuple(f"{each.words} is made" for each in found.refs)
        plan = Plan(action="prove", made=found.refs, settings={"mark": self.mark}, impact=words)
        self._made = (self._journal.begin(plan), plan)
        pairs = create(self.cluster, found)
        self._journal.end(self._made[0])
        return pairs

    def remove(self, say: Callable[[str], None]) -> str:
        """Remove it; returns how things were left."""
        if self._made is not None:
            say("removing the copy")
            number, plan = self._made
            done = restore_patiently(self.cluster, plan, say)
            self._journal.undone(number, ", ".join(sorted({each.state for each in done})))
        self._journal.close()
        return "the copy is removed, the workload itself was not touched"


def create(cluster: Cluster, found: Copy) -> tuple[tuple[str, str], ...]:
    """Create the objects; returns the names, and the addresses that the API server gave to Services."""
    pairs = list(found.names)
    for each in found.objects:
        home = each["metadata"]["namespace"]
        made = cluster.create(each["kind"], home, each)
        if each["kind"] == "Service":
            original = each["metadata"]["annotations"][OF]
            before = cluster.get(Ref(kind="Service", name=original, namespace=home))
            pairs.append((str(before["spec"].get("clusterIP")), str(made["spec"].get("clusterIP"))))
    return tuple(pair for pair in pairs if "None" not in pair)


def aimed(command: Sequence[str], pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a load command that asks the copy. Raises UsageError when nothing in it names the workload."""
    found = list(command)
    for old, new in pairs:
        pattern = re.compile(rf"(?<![\w.-]){re.escape(old)}(?![\w-])")
        found = [pattern.sub(new, word) for word in found]
    if found == list(command):
        known = ", ".join(old for old, _ in pairs) or "none"
        raise UsageError(
            "the load test asks nothing that the copy stands for", hint=f"it must name one of these: {known}"
        )
    return tuple(found)


def renamed(name: str) -> str:
    """Return what the copy of an object is called."""
    return f"{name[: 63 - len(_SUFFIX)]}{_SUFFIX}"


def _metadata(of: Mapping[str, Any], mark: str) -> dict[str, Any]:
    metadata = of["metadata"]
    return {
        "name": renamed(metadata["name"]), "namespace": metadata["namespace"],
        "annotations": {MADE_BY: mark, OF: metadata["name"]},
    }


def _deployment(workload: Workload, labels: Mapping[str, str], choosing: set[str], mark: str) -> Found:
    spec = copy.deepcopy(workload.spec)
    name = workload.ref.name
    spec["selector"] = {"matchLabels": {OF: name[:63]}}
    template = spec["template"]
    own = {key: renamed(value) if key in choosing else value for key, value in labels.items()}
    template["metadata"] = {**template.get("metadata", {}), "labels": {**own, OF: name[:63]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(workload.found, mark), "spec": spec,
    }


def _service(service: Found, workload: Workload, mark: str) -> Found:
    spec = {key: value for key, value in copy.deepcopy(service["spec"]).items() if key not in _OF_SERVICES}
    spec["selector"] = {OF: workload.ref.name[:63]}
    spec["type"] = "ClusterIP"
    spec["ports"] = [{key: value for key, value in each.items() if key != "nodePort"} for each in spec["ports"]]
    for key in ("externalTrafficPolicy", "allocateLoadBalancerNodePorts", "loadBalancerClass"):
        spec.pop(key, None)
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(service, mark), "spec": spec}


def _ingress(ingress: Found, services: set[str], host: str | None, mark: str) -> Found | None:
    """Return the part of an Ingress that leads to the Services, for a host of the copy's own; null without one."""
    rules = []
    for rule in _rules_to(ingress, services):
        if not (host or rule.get("host")):
            raise UsageError(
                f"ingress/{ingress['metadata']['name']} names no host", hint="name the copy's with --copy-host HOST"
            )
        paths = copy.deepcopy([each for each in rule["http"]["paths"] if _service_of(each) in services])
        for each in paths:
            each["backend"]["service"]["name"] = renamed(each["backend"]["service"]["name"])
        rules.append({"host": host or f"{_HOST}.{rule['host'].removeprefix('*.')}", "http": {"paths": paths}})
    if not rules:
        return None
    own = ingress["metadata"].get("annotations") or {}
    metadata = _metadata(ingress, mark)
    kept = {key: value for key, value in own.items() if not key.startswith(("kubectl.kubernetes.io/", "meta.helm.sh/"))}
    metadata["annotations"] = {**kept, **metadata["annotations"]}
    spec = {key: ingress["spec"][key] for key in ("ingressClassName",) if key in ingress["spec"]}
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": {**spec, "rules": rules},
    }


def _rules_to(ingress: Found, services: set[str]) -> Iterator[Mapping[str, Any]]:
    for rule in ingress["spec"].get("rules") or ():
        if any(_service_of(each) in services for each in (rule.get("http") or {}).get("paths") or ()):
            yield rule


def _hosts(ingress: Found, services: set[str]) -> list[str]:
    return [str(rule.get("host")) for rule in _rules_to(ingress, services)]


def _service_of(path: Mapping[str, Any]) -> str | None:
    found = ((path.get("backend") or {}).get("service") or {}).get("name")
    return None if found is None else str(found)


def _selects(service: Found, labels: Mapping[str, str]) -> bool:
    selector = service["spec"].get("selector") or {}
    return bool(selector) and selector.items() <= labels.items()
