"""Looking at the target: what is there right before a plan is made."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

from zdtrace.chaos.actions.base import Action, Scene
from zdtrace.chaos.cluster import Cluster
from zdtrace.chaos.experiment import Experiment
from zdtrace.chaos.guards import is_chosen, refusals
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.workloads import pods_of, read_workload
from zdtrace.collectors.labels import matches, requirements

Clock = Callable[[], datetime]


def utc() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def look(experiment: Experiment, cluster: Cluster, chance: random.Random) -> Scene:
    """Read the target, its pods that may be touched, and the budgets of its namespace. Raises ClusterError."""
    workload = read_workload(cluster, experiment.target)
    wanted = requirements(experiment.selector or "")
    pods = tuple(
        each for each in pods_of(cluster, workload) if matches(wanted, each["metadata"].get("labels") or {})
    )
    return Scene(
        cluster=cluster, workload=workload, pods=pods,
        budgets=tuple(cluster.every("PodDisruptionBudget", experiment.target.namespace)),
        controllers=experiment.controllers, nodes=experiment.safety.nodes, chance=chance,
        is_chosen=lambda found: is_chosen(found, experiment.safety),
    )


def planned(
    experiment: Experiment, cluster: Cluster, action: Action, chance: random.Random, clock: Clock = utc,
) -> tuple[Plan, list[str]]:
    """Return exactly what an action would do now, and every reason against it."""
    scene = look(experiment, cluster, chance)
    plan = action.plan(scene)
    why = [*refusals(experiment, scene, plan, clock()), *action.guard(scene, plan)]
    return plan, list(dict.fromkeys(why))
