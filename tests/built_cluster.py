"""Small Kubernetes objects as an API server would have served them, version by version.

Instants are milliseconds of the story; a `Clockwork` makes of them what each clock would have shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
BEGIN_NS = 1_800_000_000_000_000_000
"""Moment 0 of each story: 2027-01-15T08:00:00Z."""
DISRUPTIONS = {
    "eviction": "EvictionByEvictionAPI", "preemption": "PreemptionByScheduler", "taint": "DeletionByTaintManager",
    "pod_gc": "DeletionByPodGC", "kubelet": "TerminationByKubelet",
}
"""Who says in the condition DisruptionTarget that the pod has to go."""
RECORDED_SINCE_MS = -5_000
SEEN_AFTER_MS = 10
"""From a write to its arrival at the recorder."""


@dataclass(frozen=True)
class Clockwork:
    """What each clock shows: moment 0 of the story, and by how many ms single clocks are ahead."""

    begin_ns: int = BEGIN_NS
    ahead_ms: Mapping[str, float] = field(default_factory=dict)

    def ns(self, ms: float, clock: str) -> int:
        """Return an instant of the story as that clock shows it."""
        return self.begin_ns + round((ms + self.ahead_ms.get(clock, 0)) * 1_000_000)

    def second(self, ms: float, clock: str, plus_s: int = 0) -> str:
        """Return it as Kubernetes writes it: whole seconds, cut off."""
        moment = datetime.fromtimestamp(self.ns(ms, clock) // 1_000_000_000 + plus_s, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Crash:
    """A container that ended at `at` although nobody deleted its pod, and ran again from `restarted` on.

    By itself, or, with `probe_failed`, since the kubelet began to end it then for its liveness probe.
    """

    at: float
    restarted: float | None = None
    exit_code: int = 3
    reason: str = "Error"
    probe_failed: float | None = None


@dataclass(frozen=True)
class Pod:
    """The life of a pod, ms of the story; what is None did not happen.

    `by`: who had it deleted: `controller` (tells it in an Event), `hand`, `kubectl` (as `hand`, in the audit log too),
    `quiet` (nobody recorded Events), or one of `DISRUPTIONS`. `hook` is preStop's command where it is no plain sleep.
    """

    name: str
    ip: str
    template: str = "v1"
    created: float = -60_000
    started: float = -59_000
    ready: float | None = -58_000
    deleted: float | None = None
    killed: float | None = None
    exited: float | None = None
    gone: float | None = None
    withdrawn: float | None = None
    prestop_s: int | None = None
    hook: str | None = None
    hook_failed: float | None = None
    grace_s: int = 30
    exit_code: int = 0
    exit_reason: str = "Completed"
    readiness: bool = True
    by: str = "controller"
    crashes: tuple[Crash, ...] = ()
    namespace: str = "default"
    workload: str = "web"
    node: str = "node-1"

    @property
    def uid(self) -> str:
        """UID made of its name."""
        return f"uid-{self.namespace}-{self.name}"

    @property
    def moments(self) -> list[float]:
        """When the API server wrote a new version of it."""
        disrupted = [self.deleted - 5] if self.deleted is not None and self.by in DISRUPTIONS else []
        ends = [each for crash in self.crashes for each in (crash.at + 5, crash.restarted) if each is not None]
        known = (self.created, self.started + 5, self.ready, self.deleted, *disrupted, *ends)
        exit_seen = [] if self.exited is None else [self.exited + 30]
        return sorted({each for each in (*known, *exit_seen) if each is not None})


@dataclass(frozen=True)
class Version:
    """One observed version of one object."""

    written: float
    event_type: str
    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    object: Json


def pod_versions(pod: Pod, clocks: Clockwork) -> Iterator[Version]:
    """Yield what a watch saw of a pod: the state when recording began, each change, the removal."""

    def version(written: float, event_type: str, moment: float) -> Version:
        body = _pod(pod, clocks, moment)
        return Version(written, event_type, "v1", "Pod", pod.namespace, pod.name, pod.uid, body)

    before = [each for each in pod.moments if each < RECORDED_SINCE_MS]
    if before:
        yield version(RECORDED_SINCE_MS, "ADDED", before[-1])
    for moment in pod.moments:
        if moment >= RECORDED_SINCE_MS:
            yield version(moment, "ADDED" if moment == pod.created else "MODIFIED", moment)
    if pod.gone is not None:
        yield version(pod.gone, "DELETED", pod.gone)


def _pod(pod: Pod, clocks: Clockwork, now: float) -> Json:
    """Return the pod as it was at one moment."""
    metadata: Json = {
        "name": pod.name, "namespace": pod.namespace, "uid": pod.uid,
        "creationTimestamp": clocks.second(pod.created, "apiserver"),
        "labels": {"app": pod.workload, "pod-template-hash": pod.template},
        "ownerReferences": [{"kind": "ReplicaSet", "name": f"{pod.workload}-{pod.template}", "controller": True}],
    }
    if pod.deleted is not None and now >= pod.deleted:
        metadata["deletionTimestamp"] = clocks.second(pod.deleted, "apiserver", plus_s=pod.grace_s)
        metadata["deletionGracePeriodSeconds"] = pod.grace_s
    container: Json = {"name": "app", "image": "web:1"}
    if pod.readiness:
        container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": 8080}}
    if pod.hook is not None:
        container["lifecycle"] = {"preStop": {"exec": {"command": ["/bin/sh", "-c", pod.hook]}}}
    elif pod.prestop_s is not None:
        container["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(pod.prestop_s)]}}}
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"nodeName": pod.node, "terminationGracePeriodSeconds": pod.grace_s, "containers": [container]},
        "status": _pod_status(pod, clocks, now),
    }


def _pod_status(pod: Pod, clocks: Clockwork, now: float) -> Json:
    status: Json = {"phase": "Pending"}
    conditions = []
    if now >= pod.started:
        status |= {"phase": "Running", "podIP": pod.ip, "containerStatuses": [_container(pod, clocks, now)]}
    if pod.ready is not None and now >= pod.ready:
        has_exited = pod.exited is not None and now >= pod.exited
        changed = pod.exited if has_exited and pod.exited is not None else pod.ready
        conditions.append({
            "type": "Ready", "status": "False" if has_exited else "True",
            "lastTransitionTime": clocks.second(changed, "node"),
        })
    if pod.by in DISRUPTIONS and pod.deleted is not None and now >= pod.deleted - 5:
        disrupted_at = clocks.second(pod.deleted - 5, "apiserver")
        reason = DISRUPTIONS[pod.by]
        conditions.append({
            "type": "DisruptionTarget", "status": "True", "reason": reason, "lastTransitionTime": disrupted_at,
        })
    return status | {"conditions": conditions}


def _container(pod: Pod, clocks: Clockwork, now: float) -> Json:
    started, last, restarts = pod.started, None, 0
    for crash in pod.crashes:
        if now >= crash.at:
            last = _ended(clocks, crash.at, crash.exit_code, crash.reason)
            restarts += 1
            if crash.restarted is None or now < crash.restarted:
                return {"name": "app", "restartCount": restarts - 1, "state": {"terminated": last}}
            started = crash.restarted
    status: Json = {"name": "app", "restartCount": restarts}
    if pod.exited is not None and now >= pod.exited:
        status["state"] = {"terminated": _ended(clocks, pod.exited, pod.exit_code, pod.exit_reason)}
    else:
        status["state"] = {"running": {"startedAt": clocks.second(started, "node")}}
    return status | ({"lastState": {"terminated": last}} if last else {})


def _ended(clocks: Clockwork, at: float, exit_code: int, reason: str) -> Json:
    return {"exitCode": exit_code, "reason": reason, "finishedAt": clocks.second(at, "node")}


def events(pod: Pod, clocks: Clockwork) -> Iterator[Version]:
    """Yield the Events of a pod's end: `Killing` by the kubelet, `SuccessfulDelete` by its ReplicaSet."""
    if pod.by == "quiet":
        return
    if pod.deleted is not None and pod.by == "controller":
        about = {"kind": "ReplicaSet", "name": f"{pod.workload}-{pod.template}", "uid": f"uid-{pod.template}"}
        told = f"Deleted pod: {pod.name}"
        yield _event(pod, clocks, pod.deleted + 8, "SuccessfulDelete", told, "replicaset-controller", about)
    about = {"kind": "Pod", "name": pod.name, "uid": pod.uid}
    if pod.killed is not None:
        yield _event(pod, clocks, pod.killed, "Killing", "Stopping container app", "kubelet", about)
    if pod.hook_failed is not None:
        yield _event(pod, clocks, pod.hook_failed, "FailedPreStopHook", "PreStopHook failed", "kubelet", about)
    for crash in pod.crashes:
        if crash.probe_failed is not None:
            told = "Container app failed liveness probe, will be restarted"
            yield _event(pod, clocks, crash.probe_failed, "Killing", told, "kubelet", about)


def _event(
    pod: Pod, clocks: Clockwork, at: float, reason: str, message: str, component: str, about: Json
) -> Version:
    clock = "node" if component == "kubelet" else "apiserver"
    name = f"{about['name']}.{clocks.ns(at, clock):x}"
    body = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": pod.namespace},
        "involvedObject": about, "reason": reason, "message": message, "source": {"component": component},
        "firstTimestamp": clocks.second(at, clock),
    }
    return Version(at, "ADDED", "v1", "Event", pod.namespace, name, f"uid-{reason}-{at:g}-{pod.uid}", body)


def slices(pods: Iterable[Pod]) -> Iterator[Version]:
    """Yield the versions of each workload's EndpointSlice, as its pods become ready, end and leave."""
    by_service: dict[tuple[str, str], list[Pod]] = {}
    for pod in pods:
        by_service.setdefault((pod.namespace, pod.workload), []).append(pod)
    for (namespace, service), members in by_service.items():
        changes = sorted({RECORDED_SINCE_MS, *(each for pod in members for each in _rotation(pod) if each is not None)})
        for at in changes:
            if at >= RECORDED_SINCE_MS:
                body = _slice(namespace, service, members, at)
                event_type = "ADDED" if at == RECORDED_SINCE_MS else "MODIFIED"
                uid = f"uid-slice-{namespace}-{service}"
                yield Version(at, event_type, "discovery.k8s.io/v1", "EndpointSlice", namespace, service, uid, body)


def _rotation(pod: Pod) -> tuple[float | None, float | None, float | None]:
    """Return when the pod came into rotation, was withdrawn, and left the slice."""
    withdrawn = pod.withdrawn
    if withdrawn is None and pod.deleted is not None:
        withdrawn = pod.deleted + 40
    left = None if pod.exited is None else max(pod.exited + 60, withdrawn or 0)
    return pod.ready, withdrawn, left


def _slice(namespace: str, service: str, pods: Iterable[Pod], at: float) -> Json:
    endpoints = []
    for pod in pods:
        ready, withdrawn, left = _rotation(pod)
        if ready is None or at < ready or (left is not None and at >= left):
            continue
        is_ending = withdrawn is not None and at >= withdrawn
        endpoints.append({
            "addresses": [pod.ip], "targetRef": {"kind": "Pod", "name": pod.name, "uid": pod.uid},
            "conditions": {"ready": not is_ending, "serving": True, "terminating": is_ending},
        })
    labels = {"kubernetes.io/service-name": service}
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": service, "namespace": namespace, "labels": labels}, "endpoints": endpoints,
    }


def object_rows(pods: Iterable[Pod], clocks: Clockwork, others: Iterable[Version] = ()) -> list[Json]:
    """Return rows of the table `objects`, in the order in which they were written; `others` are no pod's."""
    pods = list(pods)
    of_pods = (each for pod in pods for each in (*pod_versions(pod, clocks), *events(pod, clocks)))
    versions = [*slices(pods), *of_pods, *others]
    rows = []
    for number, each in enumerate(sorted(versions, key=lambda version: version.written), 1):
        body = dict(each.object)
        body["metadata"] = {**body["metadata"], "uid": each.uid, "resourceVersion": str(1000 + number)}
        rows.append({
            "observed_at_ns": clocks.ns(each.written + SEEN_AFTER_MS, "recorder"), "event_type": each.event_type,
            "api_version": each.api_version, "kind": each.kind, "namespace": each.namespace, "name": each.name,
            "uid": each.uid, "resource_version": str(1000 + number), "object": json.dumps(body),
        })
    return rows
