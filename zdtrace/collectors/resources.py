"""What is watched: each resource of the API with its path, and where it is optional."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API.

    `group` is empty for the core one. Optional resources may be missing from an API server. `fallback` names the one
    that says the same in an older or another API; it is watched when this one is not served, or not allowed.
    """

    name: str
    kind: str
    group: str
    version: str
    is_namespaced: bool = True
    is_optional: bool = False
    namespace: str | None = None
    fallback: Resource | None = None

    @property
    def api_version(self) -> str:
        """As objects write it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None) -> str:
        """Return the path of the collection: of one namespace, or (null) of all."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        home = self.namespace or namespace
        if self.is_namespaced and home:
            return f"{root}/namespaces/{home}/{self.name}"
        return f"{root}/{self.name}"


_NEW_EVENTS = Resource("events", "Event", "events.k8s.io", "v1")
_ENDPOINTS = Resource("endpoints", "Endpoints", "", "v1")

PODS = Resource("pods", "Pod", "", "v1")
CONFIG_MAPS = Resource("configmaps", "ConfigMap", "", "v1")
RESOURCES: tuple[Resource, ...] = (
    PODS,
    Resource("replicasets", "ReplicaSet", "apps", "v1"),
    Resource("deployments", "Deployment", "apps", "v1"),
    Resource("statefulsets", "StatefulSet", "apps", "v1"),
    Resource("daemonsets", "DaemonSet", "apps", "v1"),
    Resource("services", "Service", "", "v1"),
    Resource("endpointslices", "EndpointSlice", "discovery.k8s.io", "v1", fallback=_ENDPOINTS),
    Resource("ingresses", "Ingress", "networking.k8s.io", "v1"),
    Resource("httproutes", "HTTPRoute", "gateway.networking.k8s.io", "v1", is_optional=True),
    Resource("grpcroutes", "GRPCRoute", "gateway.networking.k8s.io", "v1", is_optional=True),
    Resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "v2"),
    Resource("poddisruptionbudgets", "PodDisruptionBudget", "policy", "v1"),
    # Both APIs of Events show the same objects, so one of them is enough.
    Resource("events", "Event", "", "v1", fallback=_NEW_EVENTS),
    Resource("nodes", "Node", "", "v1", is_namespaced=False),
    Resource("leases", "Lease", "coordination.k8s.io", "v1", namespace="kube-node-lease"),
)
"""In the order in which they are listed: what others refer to comes first."""
