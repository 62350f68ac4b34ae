"""What an action is expected to do to requests, in sentences: from how the workload is set up, before it is done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from zdtrace.analysis.workload_setup import workload_lines
from zdtrace.chaos.cluster import Found
from zdtrace.chaos.workloads import Workload


def of_endings(workload: Workload, budgets: Sequence[Found], *, ready: int, ending: int) -> tuple[str, ...]:
    """Return what the end of `ending` of `ready` pods means."""
    left = max(0, ready - ending)
    words = f"{left} of {ready} ready pods go on serving" if left else "NO pod goes on serving until new ones are ready"
    return (words, *risks(workload, budgets))


def of_rollout(workload: Workload, budgets: Sequence[Found]) -> tuple[str, ...]:
    """Return what the replacement of all pods means."""
    away = unavailable_in_rollout(workload)
    words = f"all {workload.wanted} pods are replaced, at most {away} of them away at a time"
    return (words, *risks(workload, budgets))


def risks(workload: Workload, budgets: Sequence[Found]) -> tuple[str, ...]:
    """Return what in the workload's setup loses requests when pods are replaced."""
    objects: list[Mapping[str, Any]] = [{"kind": workload.ref.kind, **workload.found}]
    objects += [{"kind": "PodDisruptionBudget", **each} for each in budgets]
    lines = workload_lines(objects, lambda _area, _subject, state, words: (state, words))
    return tuple(f"risk: {words}" for state, words in lines if state == "risk")


def unavailable_in_rollout(workload: Workload) -> int:
    """Return how many pods a rollout may take away at once, as the controllers round it (fractions down)."""
    spec, wanted = workload.spec, workload.wanted
    if workload.ref.kind == "StatefulSet":
        return min(1, wanted)
    strategy = spec.get("strategy") or spec.get("updateStrategy") or {}
    if strategy.get("type") == "Recreate":
        return wanted
    rolling = strategy.get("rollingUpdate") or {}
    is_set = workload.ref.kind == "DaemonSet"
    return min(wanted, absolute(rolling.get("maxUnavailable", 1 if is_set else "25%"), wanted, is_rounded_up=is_set))


def absolute(value: object, of: int, *, is_rounded_up: bool) -> int:
    """Return a number that is written as one, or as a share (`25%`)."""
    if isinstance(value, str) and value.endswith("%"):
        number = float(value[:-1]) / 100 * of
        return math.ceil(number) if is_rounded_up else math.floor(number)
    return int(value) if isinstance(value, int | str) else 0
