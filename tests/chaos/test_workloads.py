"""Which pods are a workload's own, and when a rollout is finished."""

from __future__ import annotations

import pytest
from fake_cluster import FakeCluster

from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.workloads import Workload, parse_workload, pods_of, read_workload, wait_rolled_out
from zdtrace.errors import ClusterError, UsageError


def test_a_pod_that_only_carries_the_labels_is_somebody_elses(fake: FakeCluster, cluster: Cluster, demo: Ref) -> None:
    fake.deploy("demo")
    stray = {"metadata": {"name": "stray", "namespace": "shop", "uid": "s", "labels": {"app": "demo"}}, "spec": {}}
    fake.put("pods", stray)
    pods = pods_of(cluster, read_workload(cluster, demo))
    assert [each["metadata"]["name"] for each in pods] == ["demo-1", "demo-2", "demo-3"]


def test_a_rollout_is_finished_when_kubectl_says_so(demo: Ref) -> None:
    def why(**status: int) -> str | None:
        whole = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, **status}
        found = {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": whole}
        return Workload(demo, found).why_not_rolled_out()

    assert why() is None
    assert why(observedGeneration=1) == "its controller has not seen the change yet"
    assert why(updatedReplicas=1) == "1 of 3 pods are new"
    assert why(replicas=4) == "1 old pods are left"
    assert why(availableReplicas=2) == "2 of 3 pods are available"


def test_waiting_ends_with_what_it_waited_for(fake: FakeCluster, cluster: Cluster, demo: Ref) -> None:
    found = fake.deploy("demo")
    fake.put("deployments", {**found, "status": {**found["status"], "updatedReplicas": 2}})
    with pytest.raises(ClusterError, match="2 of 3 pods are new"):
        wait_rolled_out(cluster, demo, within_s=0.1)


def test_an_api_server_that_is_away_for_a_moment_does_not_end_the_waiting(
    fake: FakeCluster, cluster: Cluster, demo: Ref
) -> None:
    fake.deploy("demo")
    fake.broken_answers = 3
    assert wait_rolled_out(cluster, demo, within_s=30).ready == 3


@pytest.mark.parametrize(("text", "kind"), [
    ("deployment/demo", "Deployment"), ("deploy/demo", "Deployment"), ("sts/demo", "StatefulSet"),
    ("DaemonSet/demo", "DaemonSet"),
])
def test_workloads_are_named_as_for_kubectl(text: str, kind: str) -> None:
    assert parse_workload(text, "shop") == Ref(kind=kind, name="demo", namespace="shop")


@pytest.mark.parametrize("text", ["demo", "pod/demo", "deployment/", "deployment/a/b"])
def test_what_is_no_workload_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_workload(text, "shop")
