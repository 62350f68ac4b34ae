"""What no experiment may do, whatever its actions are: rules over a plan, each with its reason in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from zdtrace.chaos.actions.base import Scene
from zdtrace.chaos.cluster import Found
from zdtrace.chaos.experiment import Experiment, Safety
from zdtrace.chaos.journal import Plan
from zdtrace.collectors.labels import matches, requirements_of
from zdtrace.errors import ClusterError, ZdtraceError

LABEL = "zdtrace.io/chaos"
ENABLED, DISABLED = "enabled", "disabled"
SYSTEM = ("kube-system", "kube-public", "kube-node-lease")
CONTROLLERS = (
    "ingress-nginx", "nginx-ingress", "haproxy-controller", "ingress-haproxy", "traefik", "projectcontour",
    "istio-system", "istio-ingress", "kong", "envoy-gateway-system", "linkerd",
)
"""Where ingress controllers and meshes usually live: all traffic goes through them."""


class Refused(ZdtraceError):
    """An experiment is not run, and why. `reasons` has each."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(dict.fromkeys(reasons))
        super().__init__(
            "the experiment is refused:\n" + "\n".join(f"- {each}" for each in self.reasons),
            hint="`zdtrace chaos plan FILE` shows what would be done",
        )


def is_chosen(found: Found, safety: Safety) -> bool:
    """Tell whether an object is opted in: by its label, or by its namespace. Its label may also forbid it."""
    metadata = found.get("metadata") or {}
    label = (metadata.get("labels") or {}).get(LABEL)
    return label != DISABLED and (label == ENABLED or metadata.get("namespace") in safety.namespaces)


def refusals(experiment: Experiment, scene: Scene, plan: Plan, now: datetime) -> list[str]:
    """Return every reason why a plan must not be carried out; none when it may."""
    safety = experiment.safety
    return [
        *_of_place(experiment, scene),
        *_of_time(safety, now),
        *_of_victims(scene, plan),
        *_of_capacity(safety, scene, plan),
        *_of_budgets(scene, plan),
    ]


def _of_place(experiment: Experiment, scene: Scene) -> list[str]:
    home, safety = scene.namespace, experiment.safety
    if home in SYSTEM:
        return [f"nothing in {home} is touched: the cluster itself lives there"]
    if home in CONTROLLERS or home in {each.namespace for each in experiment.controllers}:
        return [f"nothing in {home} is a target: an ingress controller lives there; there is an action for it"]
    label = scene.workload.labels.get(LABEL)
    if label == DISABLED:
        return [f"{scene.workload.ref.words} says {LABEL}={DISABLED}"]
    if not is_chosen(scene.workload.found, safety):
        return [
            f"{scene.workload.ref.words} is not opted in: label it {LABEL}={ENABLED}, or name the namespace {home} in "
            "`safety.namespaces`"
        ]
    return []


def _of_time(safety: Safety, now: datetime) -> list[str]:
    return [f"these are quiet hours: {each.words}" for each in safety.quiet_hours if each.holds(now)]


def _of_victims(scene: Scene, plan: Plan) -> list[str]:
    by_uid = {each["metadata"]["uid"]: each for each in scene.pods}
    forbidden = [
        each.words for each in plan.victims
        if each.uid in by_uid and (by_uid[each.uid]["metadata"].get("labels") or {}).get(LABEL) == DISABLED
    ]
    return [f"{each} says {LABEL}={DISABLED}" for each in forbidden]


def _of_capacity(safety: Safety, scene: Scene, plan: Plan) -> list[str]:
    if not plan.takes_down:
        return []
    ready, wanted = len(scene.ready), scene.workload.wanted
    why = []
    try:
        unfinished = scene.workload.why_not_rolled_out()
    except ClusterError as error:
        unfinished = error.message
    if unfinished:
        why.append(f"{scene.workload.ref.words} is busy already: {unfinished}")
    if ready - plan.takes_down < safety.min_ready:
        why.append(
            f"{plan.takes_down} of {ready} ready pods would be away, and `safety.minReady` wants {safety.min_ready} "
            "to stay"
        )
    if wanted and plan.takes_down / wanted > safety.max_share:
        why.append(
            f"{plan.takes_down} of {wanted} pods are {plan.takes_down / wanted:.0%}, and `safety.maxShare` is "
            f"{safety.max_share:.0%}"
        )
    return why


def _of_budgets(scene: Scene, plan: Plan) -> list[str]:
    """Keep to disruption budgets, also where the API would not: a deletion asks none."""
    why = []
    victims = {each.uid for each in plan.victims}
    pods = [each for each in scene.pods if each["metadata"]["uid"] in victims]
    for budget in scene.budgets:
        wanted = requirements_of((budget.get("spec") or {}).get("selector"))
        under = [each for each in pods if wanted and matches(wanted, each["metadata"].get("labels") or {})]
        status = budget.get("status") or {}
        allowed = int(status.get("disruptionsAllowed") or 0)
        if len(under) > allowed:
            name = budget["metadata"]["name"]
            why.append(f"the disruption budget {name} allows {allowed} disruptions now, and {len(under)} are planned")
    return why
