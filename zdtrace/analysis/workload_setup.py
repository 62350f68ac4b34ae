"""How workloads are set up for the replacement of their pods: probes, preStop, grace, replicas, budgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from zdtrace.collectors.labels import matches, requirements_of

Object = Mapping[str, Any]
Made = TypeVar("Made")
Make = Callable[[str, str, str, str], Made]
_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_SLEEP = re.compile(r"\bsleep\s+(\d+)")


def workload_lines(objects: list[Object], make: Make[Made]) -> Iterator[Made]:
    """Yield a line for how each workload is set up, and one for each risk: area, subject, state, words."""
    budgets = [each for each in objects if each.get("kind") == "PodDisruptionBudget"]
    services = [each for each in objects if each.get("kind") == "Service"]
    for each in objects:
        if each.get("kind") in _KINDS:
            subject = f"{str(each['kind']).lower()}/{_metadata(each).get('name')}"
            template = _mapping(_mapping(each.get("spec")).get("template"))
            labels = _mapping(_mapping(template.get("metadata")).get("labels"))
            budget = next((one for one in budgets if _same_home(one, each) and _selects_by_terms(one, labels)), None)
            yield make("workload", subject, "ok", _summary(each, budget))
            for words in _risks(each, budget):
                yield make("workload", subject, "risk", words)
            for service in services:
                spec = _mapping(service.get("spec"))
                is_ours = _same_home(service, each) and _selects(spec.get("selector"), labels)
                if is_ours and spec.get("publishNotReadyAddresses"):
                    words = "its publishNotReadyAddresses keeps ending pods in rotation: no preStop drains them"
                    yield make("workload", f"service/{_metadata(service).get('name')}", "risk", words)


def prestop_s(container: Object) -> float | None:
    """Return how long a container's preStop sleeps, in s; 0 without one, null when it does not tell."""
    hook = _mapping(_mapping(container.get("lifecycle")).get("preStop"))
    if not hook:
        return 0.0
    seconds = _mapping(hook.get("sleep")).get("seconds")
    if isinstance(seconds, int | float):
        return float(seconds)
    command = _mapping(hook.get("exec")).get("command")
    found = _SLEEP.search(" ".join(map(str, command))) if isinstance(command, list) else None
    return float(found[1]) if found else None


def _summary(workload: Object, budget: Object | None) -> str:
    spec = _mapping(workload.get("spec"))
    words = []
    if workload.get("kind") != "DaemonSet":
        words.append(f"replicas {spec.get('replicas', 1)}")
    strategy = _mapping(spec.get("strategy") or spec.get("updateStrategy"))
    rolling = _mapping(strategy.get("rollingUpdate"))
    words += [f"{name} {rolling[name]}" for name in ("maxUnavailable", "maxSurge", "partition") if name in rolling]
    sleeps = [prestop_s(each) for each in _containers(workload)]
    longest = max((each for each in sleeps if each is not None), default=0.0)
    hook = f"preStop {longest:g} s" if longest else "no preStop"
    hook = "preStop that does not say how long" if None in sleeps else hook
    words.append(f"{hook}, grace period {_grace_s(workload)} s")
    probes = [name for name in ("readiness", "startup", "liveness") if _has_probe(workload, name)]
    words.append(f"probes: {', '.join(probes)}" if probes else "no probes")
    if budget is not None:
        limits = _mapping(budget.get("spec"))
        said = [f"{name} {limits[name]}" for name in ("minAvailable", "maxUnavailable") if name in limits]
        words.append(f"budget {', '.join(said)}")
    else:
        words.append("no disruption budget")
    return "; ".join(words)


def _risks(workload: Object, budget: Object | None) -> Iterator[str]:
    spec = _mapping(workload.get("spec"))
    replicas = spec.get("replicas", 1) if workload.get("kind") != "DaemonSet" else None
    strategy = _mapping(spec.get("strategy"))
    if not _has_probe(workload, "readiness"):
        yield "no readiness probe: a new pod gets requests as soon as its container runs, listening or not"
    sleeps = [prestop_s(each) for each in _containers(workload)]
    if all(each == 0 for each in sleeps):
        yield (
            "no preStop: SIGTERM and the removal from endpoints run side by side, so requests reach a pod that has "
            "closed; record a rollout to learn how long it must be"
        )
    elif any(each is not None and each >= _grace_s(workload) for each in sleeps):
        yield "the preStop lasts as long as the grace period: SIGKILL comes before the app can finish its requests"
    if strategy.get("type") == "Recreate":
        yield "strategy Recreate: nothing answers between the old pods and the new ones"
    elif replicas == 1 and _mapping(strategy.get("rollingUpdate")).get("maxUnavailable") not in (0, "0", "0%", None):
        yield "one replica, which a rollout may take before the new one is ready: set maxUnavailable to 0"
    if replicas == 1:
        yield "one replica: while its node is drained nothing answers"
    elif replicas is not None and replicas > 1 and budget is None:
        yield "no disruption budget: a drain may take all of its pods at once"


def _containers(workload: Object) -> list[Object]:
    template = _mapping(_mapping(workload.get("spec")).get("template"))
    every = _mapping(template.get("spec")).get("containers")
    return [each for each in every if isinstance(each, Mapping)] if isinstance(every, list) else []


def _grace_s(workload: Object) -> int:
    template = _mapping(_mapping(workload.get("spec")).get("template"))
    grace = _mapping(template.get("spec")).get("terminationGracePeriodSeconds")
    return grace if isinstance(grace, int) else 30


def _has_probe(workload: Object, name: str) -> bool:
    return any(each.get(f"{name}Probe") for each in _containers(workload))


def _selects_by_terms(budget: Object, labels: Object) -> bool:
    return matches(requirements_of(_mapping(budget.get("spec")).get("selector")), dict(labels))


def _selects(selector: object, labels: Object) -> bool:
    return isinstance(selector, Mapping) and bool(selector) and selector.items() <= labels.items()


def _same_home(one: Object, other: Object) -> bool:
    return _metadata(one).get("namespace") == _metadata(other).get("namespace")


def _metadata(found: Object) -> Object:
    return _mapping(found.get("metadata"))


def _mapping(value: object) -> Object:
    return value if isinstance(value, Mapping) else {}
