"""Each action: what it plans, what it does, what forbids it, and that it can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_cluster import FakeCluster, same_chance

from zdtrace.chaos.actions.base import Hands
from zdtrace.chaos.actions.scale import Scale
from zdtrace.chaos.cluster import Cluster
from zdtrace.chaos.experiment import Experiment
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.scenes import planned
from zdtrace.errors import ClusterError

Parse = Callable[..., Experiment]
SHOP = "/api/v1/namespaces/shop"
ANY = {"minReady": 0, "maxShare": 1}


class Stage:
    def __init__(self, cluster: Cluster, parse: Parse) -> None:
        self.cluster = cluster
        self.parse = parse
        self.did: list[str] = []
        self.slept_s = 0.0

    def plan(self, action: Any, **rest: Any) -> tuple[Plan, list[str]]:
        self.experiment = self.parse(action, **rest)
        self.action = self.experiment.actions[0].action
        return planned(self.experiment, self.cluster, self.action, same_chance())

    def act(self, plan: Plan) -> None:
        self.action.act(Hands(cluster=self.cluster, did=self.did.append, wait=self._wait), plan)

    def undo(self, plan: Plan) -> list[str]:
        return [each.state for each in self.action.undo(self.cluster, plan)]

    def _wait(self, seconds: float) -> None:
        self.slept_s += seconds


@pytest.fixture
def stage(cluster: Cluster, parse: Parse) -> Stage:
    return Stage(cluster, parse)


def test_pods_are_deleted_by_their_uid_and_come_back_by_themselves(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo", replicas=4)
    plan, why = stage.plan({"deletePods": {"count": 2, "gracePeriod": "5s"}})
    assert (why, plan.takes_down, fake.writes) == ([], 2, [])
    stage.act(plan)
    assert fake.writes == [("DELETE", f"{SHOP}/pods/{each.name}") for each in plan.victims]
    assert [(each["gracePeriodSeconds"], each["preconditions"]["uid"]) for each in fake.write_bodies] == [
        (5, each.uid) for each in plan.victims
    ]
    assert len(fake.pods("demo")) == 4
    assert stage.undo(plan) == []


def test_a_pod_that_has_been_replaced_meanwhile_is_not_deleted_in_its_stead(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    plan, _ = stage.plan("deletePods")
    (victim,) = plan.victims
    found = fake.one("pods", victim.name)
    fake.remove("pods", found)
    fake.put("pods", {**found, "metadata": {**found["metadata"], "uid": "another"}})
    stage.act(plan)
    assert fake.one("pods", victim.name)["metadata"]["uid"] == "another"


def test_a_selector_narrows_who_may_be_a_victim(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo", replicas=3)
    pods = fake.pods("demo")
    fake.put("pods", {**pods[1], "metadata": {**pods[1]["metadata"], "labels": {"app": "demo", "track": "canary"}}})
    target = {"workload": "deployment/demo", "namespace": "shop", "selector": "track=canary"}
    plan, _ = stage.plan("deletePods", target=target, safety=ANY)
    assert [each.name for each in plan.victims] == [pods[1]["metadata"]["name"]]


def test_an_eviction_that_a_budget_forbids_is_asked_for_again_and_then_given_up(
    fake: FakeCluster, stage: Stage
) -> None:
    fake.deploy("demo")
    fake.refuses_evictions = True
    plan, why = stage.plan({"evictPods": {"within": "3s"}})
    assert why == []
    with pytest.raises(ClusterError, match="its disruption budget forbade it for 3 s"):
        stage.act(plan)
    assert stage.slept_s == 3
    assert len(fake.writes) == 4
    assert len(fake.pods("demo")) == 3


def test_an_eviction_goes_through_the_api_that_knows_budgets(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    plan, _ = stage.plan("evictPods")
    stage.act(plan)
    assert fake.writes == [("POST", f"{SHOP}/pods/{plan.victims[0].name}/eviction")]


def test_a_restart_writes_what_kubectl_writes_and_can_be_rolled_back(fake: FakeCluster, stage: Stage) -> None:
    before = fake.deploy("demo")["spec"]
    plan, why = stage.plan("rolloutRestart")
    assert why == []
    stage.act(plan)
    annotations = fake.one("deployments", "demo")["spec"]["template"]["metadata"]["annotations"]
    assert list(annotations) == ["kubectl.kubernetes.io/restartedAt"]
    assert stage.undo(plan) == ["restored"]
    assert fake.one("deployments", "demo")["spec"] == before


def test_a_paused_deployment_is_not_restarted(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo", paused=True)
    assert "is paused" in stage.plan("rolloutRestart")[1][0]


@pytest.mark.parametrize(("strategy", "away"), [
    ({}, 0), ({"rollingUpdate": {"maxUnavailable": 0}}, 0), ({"rollingUpdate": {"maxUnavailable": "50%"}}, 1),
    ({"type": "Recreate"}, 3),
])
def test_a_rollout_takes_away_what_its_strategy_allows(
    strategy: dict[str, Any], away: int, fake: FakeCluster, stage: Stage
) -> None:
    fake.deploy("demo", strategy=strategy)
    plan, why = stage.plan("rolloutRestart")
    assert plan.takes_down == away
    assert bool(why) == (away == 3)


def test_another_image_is_rolled_out_and_back(fake: FakeCluster, stage: Stage) -> None:
    before = fake.deploy("demo")["spec"]
    plan, why = stage.plan({"changeTemplate": {"image": "demo:v2"}})
    assert why == []
    stage.act(plan)
    assert fake.one("deployments", "demo")["spec"]["template"]["spec"]["containers"][0]["image"] == "demo:v2"
    stage.undo(plan)
    assert fake.one("deployments", "demo")["spec"] == before


def test_a_template_is_merged_and_its_other_values_never_reach_the_journal(fake: FakeCluster, stage: Stage) -> None:
    before = fake.deploy("demo")["spec"]
    template = {"spec": {"terminationGracePeriodSeconds": 5}}
    plan, why = stage.plan({"changeTemplate": {"template": template}})
    assert why == []
    assert "hunter2" not in str(plan.as_json())
    stage.act(plan)
    assert fake.one("deployments", "demo")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 5
    stage.undo(plan)
    assert fake.one("deployments", "demo")["spec"] == before


def test_a_change_that_changes_nothing_is_refused(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    assert stage.plan({"changeTemplate": {"image": "demo:v1"}})[1] == [
        "the template says that already: nothing would change"
    ]
    assert stage.plan({"scale": {"replicas": 3}})[1] == ["it has that many pods already: nothing would change"]


@pytest.mark.parametrize(("settings", "pods"), [({"replicas": 5}, 5), ({"by": 2}, 5), ({"by": -1}, 2)])
def test_scaling_goes_there_and_back(settings: dict[str, int], pods: int, fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    plan, why = stage.plan({"scale": settings})
    assert why == []
    stage.act(plan)
    assert len(fake.pods("demo")) == pods
    assert stage.undo(plan) == ["restored"]
    assert len(fake.pods("demo")) == 3


def test_an_autoscaled_workload_is_not_scaled(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    fake.put("horizontalpodautoscalers", {
        "metadata": {"name": "hpa", "namespace": "shop", "uid": "h"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "demo"}},
    })
    assert stage.plan({"scale": {"by": 1}})[1] == ["the autoscaler hpa decides how many pods there are"]


def node(name: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels}, "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def test_a_node_is_cordoned_drained_of_the_targets_pods_and_uncordoned(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    fake.deploy("other")
    fake.put("nodes", node("node1"))
    fake.put("nodes", node("node2"))
    plan, why = stage.plan("drainNode", safety={**ANY, "nodes": ["node1"]})
    assert why == []
    assert {each.name for each in plan.victims} == {each["metadata"]["name"] for each in fake.pods("demo")}
    others = fake.pods("other")
    stage.act(plan)
    assert fake.one("nodes", "node1", None)["spec"] == {"unschedulable": True}
    assert fake.pods("other") == others
    assert stage.undo(plan) == ["restored"]
    assert fake.one("nodes", "node1", None)["spec"] == {}


def test_a_node_that_nobody_named_is_not_drained_nor_the_last_one(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    fake.put("nodes", node("node1"))
    _, why = stage.plan("drainNode", safety=ANY)
    assert why == [
        "node/node1 is not opted in: name it in `safety.nodes`, or label it zdtrace.io/chaos=enabled",
        "there is no other node that could take the pods of node/node1",
    ]


def test_pods_of_others_are_drained_only_when_each_is_opted_in(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    fake.deploy("bank", namespace="bank", replicas=1)
    fake.put("nodes", node("node1"))
    fake.put("nodes", node("node2"))
    safety = {**ANY, "nodes": ["node1"]}
    _, why = stage.plan({"drainNode": {"pods": "all"}}, safety=safety)
    assert len(why) == 1
    assert "1 pods on it are not opted in: bank/bank-" in why[0]
    plan, why = stage.plan({"drainNode": {"pods": "all"}}, safety={**safety, "namespaces": ["shop", "bank"]})
    assert (why, len(plan.victims)) == ([], 4)


def ingress(name: str, service: str, **annotations: str) -> dict[str, Any]:
    backend = {"service": {"name": service, "port": {"number": 80}}}
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "annotations": annotations},
        "spec": {"rules": [{"host": "a", "http": {"paths": [{"path": "/", "backend": backend}]}}]},
    }


def endpoints(service: str, *, ready: bool) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"{service}-x", "namespace": "shop", "uid": f"uid-{service}-x",
            "labels": {"kubernetes.io/service-name": service},
        },
        "endpoints": [{"conditions": {"ready": ready}}],
    }


def test_several_ingresses_are_switched_to_another_release_and_back(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    before = [ingress("a", "demo-v1"), ingress("b", "demo-v1")]
    for each in before:
        fake.put("ingresses", each)
    fake.put("endpointslices", endpoints("demo-v2", ready=True))
    plan, why = stage.plan({"switchBackend": {"ingresses": ["a", "b"], "from": "demo-v1", "to": "demo-v2"}})
    assert why == []
    stage.act(plan)
    names = [
        fake.one("ingresses", name)["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
        for name in ("a", "b")
    ]
    assert names == ["demo-v2", "demo-v2"]
    assert stage.undo(plan) == ["restored", "restored"]
    assert [fake.one("ingresses", each["metadata"]["name"])["spec"] for each in before] == [
        each["spec"] for each in before
    ]


def test_no_traffic_is_sent_to_a_service_that_has_nobody_ready(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    fake.put("ingresses", ingress("a", "demo-v1"))
    fake.put("endpointslices", endpoints("demo-v2", ready=False))
    _, why = stage.plan({"switchBackend": {"ingress": "a", "from": "demo-v1", "to": "demo-v2"}})
    assert why == ["service/demo-v2 has no ready endpoint: every request would fail"]


def test_an_ingress_needs_its_own_opt_in(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo", labels={"zdtrace.io/chaos": "enabled"})
    fake.put("ingresses", ingress("a", "demo-v1", **{"nginx.ingress.kubernetes.io/canary": "true"}))
    _, why = stage.plan({"canaryWeight": {"ingress": "a", "weight": 50}}, safety={"namespaces": []})
    assert why == ["ingress/a is not opted in: label it zdtrace.io/chaos=enabled, or name its namespace"]


def test_a_canarys_weight_is_changed_and_set_back(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    canary = {"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "10"}
    fake.put("ingresses", ingress("a", "demo-v2", **canary))
    plan, why = stage.plan({"canaryWeight": {"ingress": "a", "weight": 50}})
    assert why == []
    stage.act(plan)
    assert fake.one("ingresses", "a")["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] == "50"
    stage.undo(plan)
    assert fake.one("ingresses", "a")["metadata"]["annotations"] == canary


def test_the_ingress_controller_is_restarted_only_when_it_is_opted_in_itself(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo", labels={"zdtrace.io/chaos": "enabled"})
    fake.deploy("edge", namespace="edge")
    controller = [{"namespace": "edge", "workload": "deployment/edge"}]
    _, why = stage.plan("restartIngress", ingress=controller)
    assert why == [
        "the ingress controller deployment/edge is not opted in: name edge in `safety.namespaces`, or label it "
        "zdtrace.io/chaos=enabled"
    ]
    plan, why = stage.plan("restartIngress", ingress=controller, safety={"namespaces": ["shop", "edge"]})
    assert why == []
    stage.act(plan)
    assert {path for _, path in fake.writes} == {"/apis/apps/v1/namespaces/edge/deployments/edge"}
    assert stage.undo(plan) == ["restored"]


def test_a_plan_survives_the_journal(fake: FakeCluster, stage: Stage) -> None:
    fake.deploy("demo")
    plan, _ = stage.plan({"scale": {"by": 2}})
    assert Plan.from_json(plan.as_json()) == plan
    assert isinstance(stage.action, Scale)
