"""With a selector: the pods, what makes them, what reaches them, what is told of them; and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_api import FakeApi, pod, thing

from zdtrace.collectors.labels import matches, requirements
from zdtrace.errors import UsageError

OURS, THEIRS = {"app": "demo"}, {"app": "other"}


def workload(kind: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    return thing(kind, name, spec={"template": {"metadata": {"labels": labels}}})


def populate(fake: FakeApi) -> None:
    for name, labels in (("demo", OURS), ("other", THEIRS)):
        fake.put("deployments", workload("Deployment", name, labels))
        fake.put("replicasets", workload("ReplicaSet", f"{name}-abc", labels))
        fake.put("services", thing("Service", f"{name}-svc", spec={"selector": labels}))
        fake.put("endpointslices", thing(
            "EndpointSlice", f"{name}-svc-xyz", metadata={"labels": {"kubernetes.io/service-name": f"{name}-svc"}},
        ))
        backend = {"service": {"name": f"{name}-svc", "port": {"number": 80}}}
        rules = [{"http": {"paths": [{"path": "/", "backend": backend}]}}]
        fake.put("ingresses", thing("Ingress", name, spec={"rules": rules}))
        fake.put("horizontalpodautoscalers", thing(
            "HorizontalPodAutoscaler", name, spec={"scaleTargetRef": {"kind": "Deployment", "name": name}},
        ))
        fake.put("poddisruptionbudgets", thing(
            "PodDisruptionBudget", name, spec={"selector": {"matchLabels": labels}},
        ))
        about = {"kind": "Pod", "namespace": "default", "name": f"{name}-abc-1"}
        fake.put("events", thing("Event", f"{name}-abc-1.17", involvedObject=about))


def test_what_the_selected_pods_touch_belongs(fake: FakeApi, listen: Callable[..., Any]) -> None:
    populate(fake)
    fake.put("pods", pod("demo-abc-1", labels=OURS))
    fake.put("nodes", thing("Node", "node1", None))
    fake.put("nodes", thing("Node", "node2", None))
    heard = listen(selector="app=demo")
    heard.until(lambda: heard.names("Node") and heard.names("Event") and heard.names("Ingress"))
    assert heard.names("Deployment") == {"demo"}
    assert heard.names("ReplicaSet") == {"demo-abc"}
    assert heard.names("Service") == {"demo-svc"}
    assert heard.names("EndpointSlice") == {"demo-svc-xyz"}
    assert heard.names("Ingress") == {"demo"}
    assert heard.names("HorizontalPodAutoscaler") == {"demo"}
    assert heard.names("PodDisruptionBudget") == {"demo"}
    assert heard.names("Event") == {"demo-abc-1.17"}
    assert heard.names("Node") == {"node1"}
    assert any("labelSelector=app%3Ddemo" in path and "/pods?" in path for path in fake.paths)


def test_a_service_belongs_as_soon_as_a_pod_makes_it(fake: FakeApi, listen: Callable[..., Any]) -> None:
    fake.put("services", thing("Service", "late", spec={"selector": {"tier": "web"}}))
    fake.put("endpointslices", thing(
        "EndpointSlice", "late-1", metadata={"labels": {"kubernetes.io/service-name": "late"}},
    ))
    heard = listen(selector="app=demo")
    assert heard.names("Service") == set()
    fake.put("pods", pod("demo-1", labels={**OURS, "tier": "web"}))
    heard.until(lambda: heard.names("EndpointSlice"))
    assert heard.names("Service") == {"late"}


def test_owners_belong_although_no_label_of_theirs_is_selected(fake: FakeApi, listen: Callable[..., Any]) -> None:
    hash_only = {"pod-template-hash": "abc"}
    fake.put("deployments", workload("Deployment", "demo", OURS))
    fake.put("replicasets", thing(
        "ReplicaSet", "demo-abc", spec={"template": {"metadata": {"labels": {**OURS, **hash_only}}}},
        metadata={"ownerReferences": [{"kind": "Deployment", "uid": "uid-Deployment-demo"}]},
    ))
    fake.put("pods", pod("demo-abc-1", labels={**OURS, **hash_only}))
    heard = listen(selector="pod-template-hash=abc")
    heard.until(lambda: heard.names("Deployment") == {"demo"})


def test_a_budget_that_selects_by_expressions_belongs(fake: FakeApi, listen: Callable[..., Any]) -> None:
    for name, values in (("ours", ["demo"]), ("theirs", ["other"])):
        fake.put("poddisruptionbudgets", thing("PodDisruptionBudget", name, spec={"selector": {"matchExpressions": [
            {"key": "app", "operator": "In", "values": values}, {"key": "old", "operator": "DoesNotExist"},
        ]}}))
    fake.put("pods", pod("demo-1", labels=OURS))
    heard = listen(selector="app=demo")
    heard.until(lambda: heard.names("PodDisruptionBudget"))
    assert heard.names("PodDisruptionBudget") == {"ours"}


def test_all_means_all(fake: FakeApi, listen: Callable[..., Any]) -> None:
    fake.put("nodes", thing("Node", "node2", None))
    heard = listen(everything=True)
    heard.until(lambda: heard.names("Node") == {"node2"})


@pytest.mark.parametrize(("selector", "labels", "holds"), [
    ("app=demo", {"app": "demo"}, True),
    ("app==demo,tier!=cache", {"app": "demo"}, True),
    ("app=demo,tier!=cache", {"app": "demo", "tier": "cache"}, False),
    ("tier in (web, api)", {"tier": "api"}, True),
    ("tier notin (web,api)", {"tier": "api"}, False),
    ("tier", {}, False),
    ("!tier", {}, True),
    ("", {}, True),
])
def test_selectors_mean_what_kubectl_means(selector: str, labels: dict[str, str], holds: bool) -> None:
    assert matches(requirements(selector), labels) is holds


@pytest.mark.parametrize("selector", ["app=demo&limit=1", "a b", "=x", "app in web"])
def test_what_is_no_selector_is_refused(selector: str) -> None:
    with pytest.raises(UsageError, match="no label selector"):
        requirements(selector)
