"""What a cluster must allow for a recording, made from the tables of what is listened to; and for experiments.

`zdtrace rbac` prints it as Roles, `zdtrace doctor` asks the API server for each of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from zdtrace.collectors.resources import CONFIG_MAPS, OF_CONTROLLERS, PODS, RESOURCES, VERBS, Resource
from zdtrace.collectors.settings import PROXY_CONFIG_MAPS, PROXY_NAMESPACE

CONTROLLER_CONFIG_MAPS = (
    "ingress-nginx-controller", "nginx-configuration", "nginx-config", "nginx-ingress", "nginx-ingress-controller",
    "haproxy-ingress", "haproxy-kubernetes-ingress", "kubernetes-ingress",
)
"""What ingress controllers' charts and manifests call their settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One right: verbs on a resource of a namespace, or (null) of the cluster; of named objects only, or of all.

    `source` is what recordings call what it is for; `without` says what is lost when it is missing. A recording does
    not need optional ones.
    """

    source: str
    group: str
    resource: str
    verbs: tuple[str, ...]
    namespace: str | None
    without: str
    names: tuple[str, ...] = ()
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What is to be recorded, as far as rights depend on it. `namespace` null means all of them."""

    namespace: str | None
    ingresses: tuple[str, ...] = ()
    config_maps: tuple[str, ...] = field(default=CONTROLLER_CONFIG_MAPS)
    has_node_settings: bool = False


def of_recording(reach: Reach) -> tuple[Right, ...]:
    """Return what `zdtrace record` needs."""
    rights = [_listening(each, reach.namespace) for each in RESOURCES]
    for home in dict.fromkeys(reach.ingresses):
        if reach.namespace not in (None, home):
            every = (PODS, *OF_CONTROLLERS)
            rights += [_listening(each, home, f"ingress {each.name} of {home}") for each in every]
        rights += [
            Right(
                source=f"ingress log of {home}", group="", resource="pods/log", verbs=("get",), namespace=home,
                without="which pod a request was sent to, what a retry healed, and when the proxy took new endpoints",
            ),
            Right(
                source=f"ingress settings of {home}", group="", resource=CONFIG_MAPS.name, verbs=VERBS,
                namespace=home, names=reach.config_maps, without=CONFIG_MAPS.without,
            ),
        ]
    rights.append(Right(
        source="kube-proxy's settings", group="", resource=CONFIG_MAPS.name, verbs=("get",), namespace=PROXY_NAMESPACE,
        names=PROXY_CONFIG_MAPS, without="how late kube-proxy may be by its own settings",
    ))
    if reach.has_node_settings:
        rights.append(node_settings())
    return tuple(rights)


def node_settings() -> Right:
    """Return what reading kubelets' settings takes: much more than reading, so nobody is given it unasked."""
    return Right(
        source="node settings", group="", resource="nodes/proxy", verbs=("get",), namespace=None, is_optional=True,
        without="how kubelets shut a node down",
    )


def of_experiments(namespace: str | None, ingresses: Iterable[str] = ()) -> tuple[Right, ...]:
    """Return what `zdtrace chaos` needs beside a recording's rights; `zdtrace prove` finds its own among them."""
    def right(group: str, resource: str, *verbs: str, home: str | None = namespace, without: str) -> Right:
        source = f"experiments: {resource}"
        return Right(source=source, group=group, resource=resource, verbs=verbs, namespace=home, without=without)

    workloads = _WORKLOADS
    return (
        right("", "pods", "get", "delete", without="deleting pods"),
        right("", "pods/eviction", "create", without="evicting pods and draining nodes"),
        right("", "pods/exec", "get", "create", without="killing a container"),
        *(right("apps", each, "get", "patch", "update", without="rollouts, and undoing them") for each in workloads),
        *(right("apps", f"{each}/scale", "get", "patch", "update", without="scaling") for each in workloads[:2]),
        right("autoscaling", "horizontalpodautoscalers", "get", without="leaving autoscaled workloads alone"),
        right("policy", "poddisruptionbudgets", "get", without="keeping to budgets"),
        _lease(namespace),
        right("", "events", "create", "patch", without="telling in the cluster what was done"),
        right("networking.k8s.io", "ingresses", "get", "patch", without="switching backends, and undoing it"),
        right("", "nodes", "get", "patch", home=None, without="cordoning nodes, and undoing it"),
        *(
            each for home in dict.fromkeys(ingresses) if home != namespace and namespace is not None for each in (
                right("", "pods", "get", home=home, without="reloading the ingress controller"),
                right("", "pods/exec", "get", "create", home=home, without="reloading the ingress controller"),
                right("apps", "deployments", "get", "patch", home=home, without="restarting the ingress controller"),
                right("apps", "daemonsets", "get", "patch", home=home, without="restarting the ingress controller"),
            )
        ),
    )


def of_proofs(namespace: str | None) -> tuple[Right, ...]:
    """Return what `zdtrace prove` needs beside a recording's rights: to change workloads, one proof at a time."""
    return (
        *(
            Right(
                source=f"proofs: {each}", group="apps", resource=each, verbs=("get", "patch"), namespace=namespace,
                without="rollouts, and putting the workload back",
            )
            for each in _WORKLOADS
        ),
        _lease(namespace),
    )


def of_copies(namespace: str | None, copies: Iterable[str]) -> tuple[Right, ...]:
    """Return what `zdtrace prove --in-copy` needs beside a recording's rights; `copies` is what the copies are called.

    Everything may be read, and nothing that is there be changed: only the copies are changed and removed. Who may
    create an object may give it any name: no role can say otherwise.
    """
    names = tuple(dict.fromkeys(copies))

    def right(group: str, resource: str, *verbs: str, of: tuple[str, ...] = ()) -> Right:
        return Right(
            source=f"copies: {resource}", group=group, resource=resource, verbs=verbs, namespace=namespace, names=of,
            without="a copy of a workload, and removing it",
        )

    return (
        *(
            each for group, resource in (("apps", "deployments"), ("", "services"), ("networking.k8s.io", "ingresses"))
            for each in (right(group, resource, "get", "create"), right(group, resource, "delete", of=names))
        ),
        right("apps", "deployments", "patch", of=names),
        _lease(namespace),
    )


_WORKLOADS = ("deployments", "statefulsets", "daemonsets")


def _lease(namespace: str | None) -> Right:
    return Right(
        source="leases", group="coordination.k8s.io", resource="leases", verbs=("get", "create", "update", "delete"),
        namespace=namespace, without="one experiment at a time",
    )


def _listening(resource: Resource, namespace: str | None, source: str | None = None) -> Right:
    home = (resource.namespace or namespace) if resource.is_namespaced else None
    return Right(
        source=source or resource.name, group=resource.group, resource=resource.name, verbs=VERBS, namespace=home,
        without=resource.without, is_optional=resource.is_optional,
    )


def manifests(rights: Iterable[Right], subject: dict[str, str], name: str) -> list[dict[str, Any]]:
    """Return Roles, ClusterRoles and their bindings to one subject, in the order in which they can be applied.

    A role has no more than its rights; what is the same but for the resource is one rule.
    """
    by_home: dict[str | None, list[Right]] = {}
    for each in rights:
        by_home.setdefault(each.namespace, []).append(each)
    found: list[dict[str, Any]] = []
    for home in sorted(by_home, key=lambda each: (each is not None, each or "")):
        kind = "Role" if home else "ClusterRole"
        metadata = {"name": name, **({"namespace": home} if home else {})}
        api = "rbac.authorization.k8s.io"
        found += [
            {"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": _rules(by_home[home])},
            {
                "apiVersion": f"{api}/v1", "kind": f"{kind}Binding", "metadata": dict(metadata),
                "subjects": [dict(subject)], "roleRef": {"apiGroup": api, "kind": kind, "name": name},
            },
        ]
    return found


def _rules(rights: list[Right]) -> list[dict[str, Any]]:
    verbs: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for each in rights:
        verbs.setdefault((each.group, each.resource, each.names), set()).update(each.verbs)
    resources: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (group, resource, names), allowed in verbs.items():
        resources.setdefault((group, names, tuple(sorted(allowed))), []).append(resource)
    return [
        {
            "apiGroups": [group], "resources": sorted(every), "verbs": list(allowed),
            **({"resourceNames": list(names)} if names else {}),
        }
        for (group, names, allowed), every in sorted(resources.items())
    ]
