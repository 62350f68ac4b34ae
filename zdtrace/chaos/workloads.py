"""Workloads: the Deployment, StatefulSet or DaemonSet that an experiment is about, its pods, and its rollouts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zdtrace.chaos.cluster import Cluster, Found, Ref, ref_of
from zdtrace.collectors.labels import matches, requirements_of
from zdtrace.errors import ClusterError, NoAnswer, UsageError

_KINDS = {
    **dict.fromkeys(("deployment", "deployments", "deploy", "deployments.apps"), "Deployment"),
    **dict.fromkeys(("statefulset", "statefulsets", "sts", "statefulsets.apps"), "StatefulSet"),
    **dict.fromkeys(("daemonset", "daemonsets", "ds", "daemonsets.apps"), "DaemonSet"),
}
_LOOK_EVERY_S = 0.25
ROLLED_OUT_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload as it was read. `found` is the whole object."""

    ref: Ref
    found: Found

    @property
    def spec(self) -> dict[str, Any]:
        """What is wanted of it."""
        return self.found.get("spec") or {}

    @property
    def status(self) -> dict[str, Any]:
        """What has become of it."""
        return self.found.get("status") or {}

    @property
    def labels(self) -> dict[str, str]:
        """Its own labels, not its pods'."""
        return (self.found.get("metadata") or {}).get("labels") or {}

    @property
    def wanted(self) -> int:
        """How many pods are wanted."""
        if self.ref.kind == "DaemonSet":
            return int(self.status.get("desiredNumberScheduled") or 0)
        return int(self.spec.get("replicas", 1))

    @property
    def ready(self) -> int:
        """How many pods are ready."""
        return int(self.status.get("numberReady" if self.ref.kind == "DaemonSet" else "readyReplicas") or 0)

    @property
    def template(self) -> dict[str, Any]:
        """What its pods are made from."""
        return self.spec.get("template") or {}

    @property
    def pod_spec(self) -> dict[str, Any]:
        """The template's spec."""
        return self.template.get("spec") or {}

    def why_not_rolled_out(self) -> str | None:
        """Return what a rollout still waits for, null when it is finished: as `kubectl rollout status` decides."""
        metadata, status = self.found.get("metadata") or {}, self.status
        if int(status.get("observedGeneration") or 0) < int(metadata.get("generation") or 0):
            return "its controller has not seen the change yet"
        every = {
            "Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set,
        }
        return every[self.ref.kind](self.wanted, status)


def _deployment(wanted: int, status: dict[str, Any]) -> str | None:
    updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    for each in status.get("conditions") or ():
        if each.get("type") == "Progressing" and each.get("reason") == "ProgressDeadlineExceeded":
            raise ClusterError(f"the rollout does not go on: {each.get('message')}")
    if updated < wanted:
        return f"{updated} of {wanted} pods are new"
    if int(status.get("replicas") or 0) > updated:
        return f"{int(status['replicas']) - updated} old pods are left"
    return None if available >= updated else f"{available} of {updated} pods are available"


def _stateful_set(wanted: int, status: dict[str, Any]) -> str | None:
    ready = int(status.get("readyReplicas") or 0)
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    is_updated = status.get("updateRevision") in (None, status.get("currentRevision"))
    return None if is_updated else f"{int(status.get('updatedReplicas') or 0)} of {wanted} pods are new"


def _daemon_set(wanted: int, status: dict[str, Any]) -> str | None:
    updated, available = int(status.get("updatedNumberScheduled") or 0), int(status.get("numberAvailable") or 0)
    if updated < wanted:
        return f"{updated} of {wanted} pods are new"
    return None if available >= wanted else f"{available} of {wanted} pods are available"


def parse_workload(text: str, namespace: str) -> Ref:
    """Read `deployment/demo` (or `sts/db`, `ds/agent`) as kubectl does. Raises UsageError."""
    kind, _, name = text.partition("/")
    if kind.lower() not in _KINDS or not name or "/" in name:
        raise UsageError(
            f"`{text}` is no workload", hint="write it as deployment/NAME, statefulset/NAME or daemonset/NAME"
        )
    return Ref(kind=_KINDS[kind.lower()], name=name, namespace=namespace)


def read_workload(cluster: Cluster, ref: Ref) -> Workload:
    """Return a workload as it is now. Raises ClusterError when there is none."""
    found = cluster.get(ref)
    return Workload(ref_of(found, ref.kind), found)


def pods_of(cluster: Cluster, workload: Workload) -> list[Found]:
    """Return the pods that a workload's own controllers made, by name; those that are ending are among them.

    A Deployment's pods belong to its ReplicaSets; pods that merely carry its labels are somebody else's.
    """
    home = workload.ref.namespace
    wanted = requirements_of(workload.spec.get("selector"))
    owners = {workload.ref.uid}
    if workload.ref.kind == "Deployment":
        owners = {
            str(each["metadata"]["uid"]) for each in cluster.every("ReplicaSet", home)
            if owner_uid(each) == workload.ref.uid
        }
    return [
        each for each in cluster.every("Pod", home)
        if owner_uid(each) in owners and matches(wanted, each["metadata"].get("labels") or {})
    ]


def owner_uid(found: Found) -> str | None:
    """Return the uid of what controls an object, if anything does."""
    owners = (found.get("metadata") or {}).get("ownerReferences") or ()
    return next((str(each.get("uid")) for each in owners if each.get("controller")), None)


def is_ending(pod: Found) -> bool:
    """Tell whether a pod is being deleted, or has ended."""
    phase = (pod.get("status") or {}).get("phase")
    return bool((pod.get("metadata") or {}).get("deletionTimestamp")) or phase in ("Succeeded", "Failed")


def is_ready(pod: Found) -> bool:
    """Tell whether a pod is ready and not about to end."""
    conditions = {
        each.get("type"): each.get("status") for each in (pod.get("status") or {}).get("conditions") or ()
    }
    return not is_ending(pod) and conditions.get("Ready") == "True"


def wait_rolled_out(
    cluster: Cluster, ref: Ref, *, within_s: float = ROLLED_OUT_WITHIN_S, wait: Callable[[float], object] = time.sleep,
) -> Workload:
    """Wait until a rollout (or a scaling) of a workload is finished; returns it as it is then.

    `wait` sleeps, or raises when there is no point in waiting on: that the API server is away for a moment is no
    reason here. Raises ClusterError when it is not finished in time.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            workload = read_workload(cluster, ref)
            why = workload.why_not_rolled_out()
            if why is None:
                return workload
        except NoAnswer as error:
            why = error.message
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{ref.words} is not rolled out after {within_s:g} s: {why}", hint=f"kubectl describe {ref.words}"
            )
        wait(_LOOK_EVERY_S)
