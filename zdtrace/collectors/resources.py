"""What is watched: each resource of the API with its path, and where it is optional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERBS = ("list", "watch")
"""What listening to a resource takes."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API.

    `group` is empty for the core one. `without` says what a recording cannot tell when it is missing. Optional
    resources may be missing from an API server. `fallback` names the one that says the same in an older or another
    API; it is watched when this one is not served, or not allowed.
    """

    name: str
    kind: str
    group: str
    version: str
    without: str = ""
    is_namespaced: bool = True
    is_optional: bool = False
    namespace: str | None = None
    fallback: Resource | None = None

    @property
    def api_version(self) -> str:
        """As objects write it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def whole(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return an item of a list with its kind and API version, which lists leave out."""
        return {"kind": self.kind, "apiVersion": self.api_version, **item}

    def path(self, namespace: str | None) -> str:
        """Return the path of the collection: of one namespace, or (null) of all."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        home = self.namespace or namespace
        if self.is_namespaced and home:
            return f"{root}/namespaces/{home}/{self.name}"
        return f"{root}/{self.name}"


def _route(name: str, kind: str, version: str, fallback: Resource | None = None) -> Resource:
    words = f"which {kind}s changed"
    return Resource(name, kind, "gateway.networking.k8s.io", version, words, is_optional=True, fallback=fallback)


_NEW_EVENTS = Resource("events", "Event", "events.k8s.io", "v1")
_ENDPOINTS = Resource("endpoints", "Endpoints", "", "v1")

PODS = Resource("pods", "Pod", "", "v1", "which pod ended or started when, and so any verdict about pods")
REPLICA_SETS = Resource("replicasets", "ReplicaSet", "apps", "v1", "which rollout replaced a pod")
DEPLOYMENTS = Resource("deployments", "Deployment", "apps", "v1", "when a rollout began, and how it was to go")
DAEMON_SETS = Resource("daemonsets", "DaemonSet", "apps", "v1", "when a rollout of a DaemonSet began")
# Both APIs of Events show the same objects, so one of them is enough.
EVENTS = Resource(
    "events", "Event", "", "v1", "when kubelets began to end pods, probes that failed, evictions", fallback=_NEW_EVENTS
)
CONFIG_MAPS = Resource("configmaps", "ConfigMap", "", "v1", "how an ingress controller writes its log")
RESOURCES: tuple[Resource, ...] = (
    PODS,
    REPLICA_SETS,
    DEPLOYMENTS,
    Resource("statefulsets", "StatefulSet", "apps", "v1", "when a rollout of a StatefulSet began"),
    DAEMON_SETS,
    Resource("services", "Service", "", "v1", "which pods a Service means, and how it sends to them"),
    Resource(
        "endpointslices", "EndpointSlice", "discovery.k8s.io", "v1", "when a pod was taken out of rotation",
        fallback=_ENDPOINTS,
    ),
    Resource("ingresses", "Ingress", "networking.k8s.io", "v1", "whether a route was changed meanwhile"),
    _route("httproutes", "HTTPRoute", "v1", _route("httproutes", "HTTPRoute", "v1beta1")),
    _route("grpcroutes", "GRPCRoute", "v1", _route("grpcroutes", "GRPCRoute", "v1alpha2")),
    _route("tlsroutes", "TLSRoute", "v1", _route("tlsroutes", "TLSRoute", "v1alpha2")),
    _route("tcproutes", "TCPRoute", "v1alpha2"),
    Resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "v2", "that one scaled in"),
    Resource("poddisruptionbudgets", "PodDisruptionBudget", "policy", "v1", "what evictions were allowed to take"),
    EVENTS,
    Resource("nodes", "Node", "", "v1", "that a node was drained or lost", is_namespaced=False),
    Resource(
        "leases", "Lease", "coordination.k8s.io", "v1", "how far the nodes' clocks are apart, and when one was lost",
        namespace="kube-node-lease",
    ),
)
"""In the order in which they are listed: what others refer to comes first."""

OF_CONTROLLERS = (REPLICA_SETS, DEPLOYMENTS, DAEMON_SETS, EVENTS)
"""What is listened to of an ingress controller beside its pods: why it was replaced itself, and when it reloaded."""
