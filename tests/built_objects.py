"""Objects beside pods, as an API server would have served them: Services, nodes and their Leases.

A function says what a story tells of it; called with the clocks, it yields the versions that a watch saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from built_cluster import RECORDED_SINCE_MS, Clockwork, Json, Version

Told = Callable[[Clockwork], Iterable[Version]]
LEASE_MS = 10_000
"""How often a kubelet renews its Lease."""


def service(name: str, *, namespace: str = "default", at: float = RECORDED_SINCE_MS, **spec: object) -> Told:
    """Tell of a Service, or of a change of it; its selector is `app: NAME` unless given."""

    def versions(clocks: Clockwork) -> Iterable[Version]:
        body = {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterIP": "10.96.0.1", "selector": {"app": name}, "ports": [{"port": 80}], **spec},
        }
        event_type = "ADDED" if at == RECORDED_SINCE_MS else "MODIFIED"
        yield Version(at, event_type, "v1", "Service", namespace, name, f"uid-service-{namespace}-{name}", body)

    return versions


def rescaled(workload: str, *, at: float, namespace: str = "default") -> Told:
    """Tell of an autoscaler that decided on another size."""

    def versions(clocks: Clockwork) -> Iterable[Version]:
        name = f"{workload}.{clocks.ns(at, 'apiserver'):x}"
        body = {
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {"kind": "HorizontalPodAutoscaler", "name": workload, "uid": f"uid-hpa-{workload}"},
            "reason": "SuccessfulRescale", "message": "New size: 1; reason: All metrics below target",
            "source": {"component": "horizontal-pod-autoscaler"}, "firstTimestamp": clocks.second(at, "apiserver"),
        }
        yield Version(at, "ADDED", "v1", "Event", namespace, name, f"uid-rescale-{workload}-{at:g}", body)

    return versions


def node(
    name: str, *, lost: float | None = None, noticed: float | None = None, back: float | None = None,
    cordoned: float | None = None, until: float = 60_000,
) -> Told:
    """Tell of a node: its Lease every 10 s until it is `lost`, what the control plane `noticed`, when it was `back`."""

    def versions(clocks: Clockwork) -> Iterable[Version]:
        yield _node(name, clocks, RECORDED_SINCE_MS, "True", RECORDED_SINCE_MS - 60_000)
        if cordoned is not None:
            yield _node(name, clocks, cordoned, "True", RECORDED_SINCE_MS - 60_000, is_cordoned=True)
        if noticed is not None:
            yield _node(name, clocks, noticed, "Unknown", noticed)
        if back is not None:
            yield _node(name, clocks, back, "True", back)
        at = float(RECORDED_SINCE_MS)
        while at < until:
            if lost is None or at < lost or (back is not None and at > back):
                yield _lease(name, clocks, at)
            at += LEASE_MS

    return versions


def _node(
    name: str, clocks: Clockwork, at: float, status: str, since: float, *, is_cordoned: bool = False
) -> Version:
    ready: Json = {
        "type": "Ready", "status": status, "lastTransitionTime": clocks.second(since, "apiserver"),
        "reason": "NodeStatusUnknown" if status == "Unknown" else "KubeletReady",
    }
    body = {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "spec": {"unschedulable": True} if is_cordoned else {}, "status": {"conditions": [ready]},
    }
    return Version(at, "MODIFIED", "v1", "Node", "", name, f"uid-node-{name}", body)


def _lease(name: str, clocks: Clockwork, at: float) -> Version:
    moment = datetime.fromtimestamp(clocks.ns(at, "node") / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    body = {
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {"renewTime": moment},
    }
    uid = f"uid-lease-{name}"
    return Version(at, "MODIFIED", "coordination.k8s.io/v1", "Lease", "kube-node-lease", name, uid, body)
