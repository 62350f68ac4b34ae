"""What is changed of a workload against what was seen: every remedy that is a setting of it; and why others are not.

A patch touches the workload alone. What an application does, what other objects say and what costs money is not ours
to change: each such remedy is named with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zdtrace.analysis.advice import Answer
from zdtrace.analysis.patching import serving
from zdtrace.analysis.recommendation import Recommendation
from zdtrace.analysis.remedies import GRACE_PERIOD, PRESTOP, Remedy
from zdtrace.analysis.workloads import pod_spec

READINESS, REPLICAS = "readiness_probe", "replicas"
_PROBE_PERIOD_S = 2
_CODE = "that is decided by the application's code, which no patch of the workload changes"
_WHY_NOT: Mapping[str, str] = {
    "drain_on_sigterm": f"what becomes of running requests after SIGTERM: {_CODE}",
    "keepalive": "how long idle connections are kept is a setting of the application's server and of the proxy, and "
    "the workload has none for it",
    "close_connections": f"a connection that is open stays with its pod until the server closes it: {_CODE}",
    "reload_less": "how often the ingress reloads is the controller's own setting, and others share it",
    "rollback": "which version runs is yours to decide",
    "fix_application": f"it fails by itself: {_CODE}",
    "fix_hook": "the preStop hook is the workload's own, and what it is meant to do only its authors know",
    "faster_answers": f"answers take longer than the client waits: {_CODE}",
    "sidecar_order": "a native sidecar starts before the application and ends after it: whether both bear that, only "
    "their authors know",
    "capacity": "more pods cost money, and another strategy may ask for more of them than the nodes hold",
    "fix_client": "the load test is what ran out of means",
    "fix_network": "the network is not the workload",
    "liveness_probe": "a laxer liveness probe lets pods that hang go on for longer: how long is yours to decide",
    "fix_controller": "the ingress controller is not the workload, and others share it",
    "service_setting": "a Service's publishNotReadyAddresses is set on purpose, and others may rely on it",
    "warm_up": f"how fast a fresh pod answers: {_CODE}",
    "ready_first": "a route is not the workload, and what switches it knows when",
    "rate_limit": "a rate limit protects something: what it may be is yours to decide",
    "fix_tls": "certificates and TLS settings are not the workload's",
}
_ONLY_MAYBE = "it surely avoids nothing; it is tried when requests are still lost without it"
_UNEXPLAINED = "no cause was found for them; `zdtrace analyze` says what evidence would help"


@dataclass(frozen=True, slots=True)
class Step:
    """One remedy that is applied, and what it changes, in words."""

    remedy: str
    words: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One remedy that is not applied, how many failures it would surely and possibly avoid, and why not."""

    remedy: str
    avoids_certain: int
    avoids_possible: int
    why: str


@dataclass(frozen=True, slots=True)
class Treatment:
    """A strategic merge patch of the workload, empty when nothing of it is to be changed; what to mind; what not."""

    steps: tuple[Step, ...]
    refused: tuple[Refusal, ...]
    patch: Mapping[str, Any]
    warnings: tuple[str, ...]
    prestop_s: int | None = None
    grace_period_s: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to change."""
        return not self.patch

    def upon(self, earlier: Treatment) -> Treatment:
        """Return both as one, where the other was applied before: all that is changed of the workload by now."""
        if self.is_empty or earlier.is_empty:
            return self if earlier.is_empty else replace(self, steps=earlier.steps, patch=earlier.patch)
        again = {each.remedy for each in self.steps}
        return replace(
            self, steps=(*(each for each in earlier.steps if each.remedy not in again), *self.steps),
            patch=merged([earlier.patch, self.patch]),
            warnings=tuple(dict.fromkeys((*earlier.warnings, *self.warnings))),
            prestop_s=earlier.prestop_s if self.prestop_s is None else self.prestop_s,
            grace_period_s=earlier.grace_period_s if self.grace_period_s is None else self.grace_period_s,
        )

    def named(self, name: str) -> Treatment:
        """Return the same for a workload of that name: what a copy proved is for the original."""
        if self.is_empty:
            return self
        return replace(self, patch={**self.patch, "metadata": {**self.patch["metadata"], "name": name}})

    @property
    def words(self) -> str:
        """What is changed, in one line."""
        return "; ".join(each.words for each in self.steps) or "nothing"


def treatment(manifest: Mapping[str, Any], found: Recommendation) -> Treatment:
    """Return what to change of a workload, `manifest` being what the API server says of it.

    A remedy that only may have avoided something is applied when those that surely would have are not enough.
    """
    ours = [each for each in found.remedies if each.remedy in (PRESTOP, GRACE_PERIOD, *_MAKERS)]
    is_enough = sum(each.avoids_certain for each in ours) >= found.failed
    steps: list[Step] = []
    refused: list[Refusal] = []
    warnings: list[str] = []
    patches: list[Mapping[str, Any]] = []
    if found.change is not None and not found.change.is_empty:
        patches.append(_spec_of(found.change.strategic_merge()))
        steps += _numbers(found)
        warnings += found.change.warnings
    for remedy in found.remedies:
        if remedy.remedy in (PRESTOP, GRACE_PERIOD):
            if not any(step.remedy == remedy.remedy for step in steps):
                refused.append(_refusal(remedy, _why_no_number(found, remedy)))
            continue
        if is_enough and not remedy.avoids_certain:
            refused.append(_refusal(remedy, _ONLY_MAYBE))
            continue
        makes = _MAKERS.get(remedy.remedy)
        patch, words = makes(manifest) if makes else (None, _WHY_NOT.get(remedy.remedy, _UNEXPLAINED))
        if patch is None:
            refused.append(_refusal(remedy, words))
        else:
            patches.append(patch)
            steps.append(Step(remedy.remedy, words))
    return Treatment(
        steps=tuple(steps), refused=tuple(refused), patch=_whole(manifest, merged(patches)) if patches else {},
        warnings=tuple(dict.fromkeys(warnings)),
        prestop_s=found.prestop_s if any(step.remedy == PRESTOP for step in steps) else None,
        grace_period_s=found.change.grace_period_s if found.change and patches else None,
    )


def _numbers(found: Recommendation) -> Iterator[Step]:
    change = found.change
    assert change is not None  # noqa: S101 - asked before
    for container, _ in change.hooks:
        yield Step(PRESTOP, f"container {container}: preStop sleeps {change.prestop_s} s")
    if change.grace_period_s is not None:
        yield Step(GRACE_PERIOD, f"terminationGracePeriodSeconds {change.grace_period_s}")


def _why_no_number(found: Recommendation, remedy: Remedy) -> str:
    if found.verdict is Answer.INCONCLUSIVE:
        return f"no number can be given: {found.reasons[0] if found.reasons else 'no path to the pods was seen'}"
    warnings = found.change.warnings if found.change is not None else ()
    if warnings:
        return "; ".join(warnings)
    if remedy.remedy == PRESTOP:
        now = found.current_prestop_s or 0
        return f"preStop sleeps {now:g} s already, and no longer one follows from what was seen"
    return f"the grace period is {found.current_grace_period_s} s already, as long as what was seen asks for"


def _refusal(remedy: Remedy, why: str) -> Refusal:
    return Refusal(remedy.remedy, remedy.avoids_certain, remedy.avoids_possible, why)


Made = tuple[Mapping[str, Any] | None, str]


def _readiness(manifest: Mapping[str, Any]) -> Made:
    """Return a readiness probe for the containers that serve and have none."""
    containers = [each for each in pod_spec(manifest).get("containers") or [] if isinstance(each, Mapping)]
    chosen = [each for each in serving(containers) if not each.get("readinessProbe")]
    if not chosen:
        return None, "every container that serves has a readiness probe, and it says ready before the port answers " \
            "well: what it asks for is the application's to tell"
    probes = [(str(each.get("name")), _probe(each)) for each in chosen]
    found = [(name, probe) for name, probe in probes if probe is not None]
    if not found:
        return None, f"container {probes[0][0]} names no port, so what a probe should ask is not known"
    patch = {"template": {"spec": {"containers": [
        {"name": name, "readinessProbe": dict(probe)} for name, probe in found
    ]}}}
    words = "; ".join(f"container {name}: readinessProbe {_probe_words(probe)}" for name, probe in found)
    return patch, words


def _probe(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a probe that asks what another probe of the container asks, else whether its first TCP port answers."""
    timing = {"periodSeconds": _PROBE_PERIOD_S, "failureThreshold": 3}
    for name in ("startupProbe", "livenessProbe"):
        other = container.get(name)
        if isinstance(other, Mapping):
            asks = {key: other[key] for key in ("httpGet", "tcpSocket", "grpc", "exec") if key in other}
            if asks:
                return {**asks, **timing}
    ports = [each for each in container.get("ports") or [] if isinstance(each, Mapping)]
    tcp = [each["containerPort"] for each in ports if each.get("protocol", "TCP") == "TCP" and "containerPort" in each]
    return {"tcpSocket": {"port": tcp[0]}, **timing} if tcp else None


def _probe_words(probe: Mapping[str, Any]) -> str:
    kind = next(name for name in ("httpGet", "tcpSocket", "grpc", "exec") if name in probe)
    asked = probe[kind]
    where = f" {asked.get('path', '')}:{asked['port']}".replace(" :", " ") if "port" in asked else ""
    return f"{kind}{where}, every {probe['periodSeconds']} s"


def _replicas(manifest: Mapping[str, Any]) -> Made:
    """Return a strategy that ends no pod before another is ready."""
    spec = manifest.get("spec") or {}
    if manifest.get("kind") != "Deployment":
        return None, f"a {manifest.get('kind')} replaces its pods in place: more replicas are yours to pay for"
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return None, "strategy Recreate is chosen where two versions must not run side by side, and whether they may " \
            "only its authors know"
    rolling = strategy.get("rollingUpdate") or {}
    if rolling.get("maxUnavailable", "25%") in (0, "0", "0%"):
        return None, "maxUnavailable is 0 already; more replicas are yours to pay for"
    surge = rolling.get("maxSurge", "25%")
    surge = 1 if surge in (0, "0", "0%") else surge
    patch = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": surge}}}
    return patch, f"maxUnavailable 0, maxSurge {surge}"


_MAKERS = {READINESS: _readiness, REPLICAS: _replicas}


def _spec_of(patch: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = patch["spec"]
    return found


def _whole(manifest: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = manifest.get("metadata") or {}
    return {
        "apiVersion": str(manifest.get("apiVersion") or "apps/v1"), "kind": str(manifest.get("kind")),
        "metadata": {"name": metadata.get("name"), "namespace": metadata.get("namespace")}, "spec": dict(spec),
    }


def merged(patches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one patch for several; lists of named things (containers) are merged by name."""
    found: dict[str, Any] = {}
    for patch in patches:
        for key, value in patch.items():
            found[key] = _both(found[key], value) if key in found else value
    return found


def _both(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return merged([first, second])
    if isinstance(first, list) and isinstance(second, list):
        named = {each["name"]: each for each in first}
        for each in second:
            named[each["name"]] = _both(named[each["name"]], each) if each["name"] in named else each
        return list(named.values())
    return second
