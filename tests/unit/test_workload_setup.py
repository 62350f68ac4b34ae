"""What a workload's own description says about the replacement of its pods."""

from __future__ import annotations

from typing import Any

import pytest

from zdtrace.analysis.checkup import Line
from zdtrace.analysis.workload_setup import prestop_s, workload_lines

Object = dict[str, Any]
READY = {"httpGet": {"path": "/ready", "port": 8080}}


def container(prestop: object = None, **rest: Any) -> Object:
    return {"name": "app", **({"lifecycle": {"preStop": prestop}} if prestop else {}), **rest}


def deployment(*containers: Object, replicas: int = 3, strategy: Object | None = None, grace: int = 30) -> Object:
    template = {
        "metadata": {"labels": {"app": "demo"}},
        "spec": {"containers": list(containers), "terminationGracePeriodSeconds": grace},
    }
    return {
        "kind": "Deployment", "metadata": {"name": "demo", "namespace": "shop"},
        "spec": {"replicas": replicas, "strategy": strategy or {}, "template": template},
    }


def budget(namespace: str = "shop", app: str = "demo") -> Object:
    return {
        "kind": "PodDisruptionBudget", "metadata": {"name": "demo", "namespace": namespace},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": app}}},
    }


def lines(*objects: Object) -> list[Line]:
    return list(workload_lines(list(objects), Line))


def risks(*objects: Object) -> list[str]:
    return [line.words for line in lines(*objects) if line.state == "risk"]


def test_a_workload_that_is_set_up_well_has_no_risk() -> None:
    found = lines(deployment(container({"sleep": {"seconds": 5}}, readinessProbe=READY)), budget())
    assert [line.state for line in found] == ["ok"]
    assert found[0].words == (
        "replicas 3; preStop 5 s, grace period 30 s; probes: readiness; budget minAvailable 2"
    )


@pytest.mark.parametrize(("workload", "words"), [
    (deployment(container({"sleep": {"seconds": 5}})), "no readiness probe"),
    (deployment(container(readinessProbe=READY)), "no preStop"),
    (deployment(container({"sleep": {"seconds": 30}}, readinessProbe=READY)), "as long as the grace period"),
    (deployment(container({"sleep": {"seconds": 5}}, readinessProbe=READY), strategy={"type": "Recreate"}), "Recreate"),
    (deployment(container({"sleep": {"seconds": 5}}, readinessProbe=READY), replicas=1), "one replica"),
])
def test_each_risk_is_named(workload: Object, words: str) -> None:
    (found,) = risks(workload, budget())
    assert words in found


@pytest.mark.parametrize("other", [budget(namespace="blog"), budget(app="other"), None])
def test_only_a_budget_for_these_pods_counts(other: Object | None) -> None:
    objects = [deployment(container({"sleep": {"seconds": 5}}, readinessProbe=READY)), *([other] if other else [])]
    assert [words.split(":")[0] for words in risks(*objects)] == ["no disruption budget"]


def test_a_service_that_publishes_what_is_not_ready_is_a_risk() -> None:
    service = {
        "kind": "Service", "metadata": {"name": "demo", "namespace": "shop"},
        "spec": {"selector": {"app": "demo"}, "publishNotReadyAddresses": True},
    }
    good = deployment(container({"sleep": {"seconds": 5}}, readinessProbe=READY))
    assert [line.subject for line in lines(good, budget(), service) if line.state == "risk"] == ["service/demo"]


@pytest.mark.parametrize(("hook", "seconds"), [
    (None, 0.0),
    ({"sleep": {"seconds": 7}}, 7.0),
    ({"exec": {"command": ["sleep", "12"]}}, 12.0),
    ({"exec": {"command": ["sh", "-c", "nginx -s quit; sleep 3"]}}, 3.0),
    ({"exec": {"command": ["/drain"]}}, None),
    ({"httpGet": {"path": "/quit"}}, None),
])
def test_how_long_a_prestop_sleeps(hook: object, seconds: float | None) -> None:
    assert prestop_s(container(hook)) == seconds


@pytest.mark.parametrize("broken", [
    {"kind": "Deployment"}, {"kind": "Deployment", "spec": 7, "metadata": []},
    {"kind": "DaemonSet", "metadata": {}, "spec": {"template": {"spec": {"containers": [7, None]}}}},
    {"kind": "Service", "spec": {"selector": "x", "publishNotReadyAddresses": True}},
])
def test_broken_objects_are_no_traceback(broken: Object) -> None:
    assert isinstance(lines(broken, deployment(container())), list)
