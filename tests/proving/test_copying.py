"""A copy of a workload: reached by a way of its own, chosen by nothing that means the original, and removed whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster
from fake_rbac import Rules

from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.journal import ActionJournal, Header
from zdtrace.chaos.undoing import undo
from zdtrace.collectors.rights import Reach, manifests, of_copies, of_recording
from zdtrace.errors import ClusterError, UsageError
from zdtrace.proving.copying import OF, Copied, aimed, plan_copy

DEMO = Ref(kind="Deployment", name="demo", namespace="shop")


@pytest.fixture
def shop(fake: FakeCluster) -> FakeCluster:
    """The demo with a Service and an Ingress; another Service has nothing to do with it."""
    for name, app, address in (("demo", "demo", "10.0.0.7"), ("other", "other", "10.0.0.8")):
        fake.put("services", {
            "kind": "Service", "metadata": {"name": name, "namespace": "shop", "uid": f"uid-service-{name}"},
            "spec": {
                "selector": {"app": app}, "clusterIP": address, "clusterIPs": [address], "type": "NodePort",
                "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30080}],
            },
        })
    paths = [
        {"path": f"/{name}", "pathType": "Prefix", "backend": {"service": {"name": name, "port": {"number": 80}}}}
        for name in ("demo", "other")
    ]
    fake.put("ingresses", {
        "kind": "Ingress", "metadata": {"name": "shop", "namespace": "shop", "uid": "uid-ingress"},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "example.com", "http": {"paths": paths}}]},
    })
    return fake


def by_kind(found: Any) -> dict[str, Any]:
    return {each["kind"]: each for each in found.objects}


def test_the_copy_has_its_own_labels_service_and_host(
    shop: FakeCluster, cluster: Cluster, workload_of: Callable[..., Any]
) -> None:
    found = plan_copy(cluster, workload_of(cluster, "demo"), "proof-1")
    made = by_kind(found)
    assert [each["metadata"]["name"] for each in found.objects] == ["demo-zdtrace", "demo-zdtrace", "shop-zdtrace"]
    # The original's Service chooses app=demo: no pod of the copy has it.
    assert made["Deployment"]["spec"]["template"]["metadata"]["labels"] == {"app": "demo-zdtrace", OF: "demo"}
    assert made["Deployment"]["spec"]["selector"] == {"matchLabels": {OF: "demo"}}
    assert made["Service"]["spec"] == {
        "selector": {OF: "demo"}, "type": "ClusterIP", "ports": [{"port": 80, "targetPort": 8080}],
    }
    (rule,) = made["Ingress"]["spec"]["rules"]
    assert rule["host"] == "zdtrace-copy.example.com"
    assert [path["path"] for path in rule["http"]["paths"]] == ["/demo"]
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == "demo-zdtrace"
    assert found.names == (("example.com", "zdtrace-copy.example.com"), ("demo.shop", "demo-zdtrace.shop"))


def test_the_load_test_is_aimed_at_the_copy_or_refused() -> None:
    pairs = [("example.com", "zdtrace-copy.example.com"), ("10.0.0.7", "10.0.0.70")]
    command = ("fortio", "load", "-resolve", "198.18.0.1", "http://example.com/demo", "http://10.0.0.7/demo")
    assert aimed(command, pairs)[-2:] == ("http://zdtrace-copy.example.com/demo", "http://10.0.0.70/demo")
    with pytest.raises(UsageError, match="asks nothing that the copy stands for"):
        aimed(("fortio", "load", "http://shop.example.com/", "http://10.0.0.77/"), pairs)


def test_what_was_made_is_removed_and_what_has_only_its_name_stays(
    shop: FakeCluster, cluster: Cluster, workload_of: Callable[..., Any], tmp_path: Path
) -> None:
    header = Header(id="proof-1", experiment="prove", target=DEMO, server=cluster.api.server)
    with ActionJournal(tmp_path / "proof.journal", header) as journal:
        copied = Copied(cluster, journal, "proof-1")
        pairs = copied.make(plan_copy(cluster, workload_of(cluster, "demo"), "proof-1"))
        assert ("example.com", "zdtrace-copy.example.com") in pairs
        assert copied.remove(lambda _: None) == "the copy is removed, the workload itself was not touched"
    assert [name for _, name in left(shop)] == ["demo", "demo", "other", "shop"]


def test_what_kill_9_leaves_of_a_copy_chaos_undo_removes(
    shop: FakeCluster, cluster: Cluster, workload_of: Callable[..., Any], tmp_path: Path
) -> None:
    header = Header(id="proof-1", experiment="prove", target=DEMO, server=cluster.api.server)
    with ActionJournal(tmp_path / "proof.journal", header) as journal:
        Copied(cluster, journal, "proof-1").make(plan_copy(cluster, workload_of(cluster, "demo"), "proof-1"))
    # Somebody has an Ingress of that name, which is not the one we made.
    ours = shop.one("ingresses", "shop-zdtrace")
    ours["metadata"]["annotations"] = {}
    undo(tmp_path / "proof.journal", cluster, lambda _: None)
    assert [name for _, name in left(shop)] == ["demo", "demo", "other", "shop", "shop-zdtrace"]


def test_with_the_rights_that_rbac_prints_the_copy_can_be_made_and_removed_and_nothing_else_changed(
    shop: FakeCluster, cluster: Cluster, workload_of: Callable[..., Any], tmp_path: Path
) -> None:
    reach = Reach(namespace="shop")
    rights = [*of_recording(reach), *of_copies("shop", ("demo-zdtrace", "shop-zdtrace"))]
    shop.rules = Rules(manifests(rights, {"kind": "User", "name": "me"}, "zdtrace"))
    header = Header(id="proof-1", experiment="prove", target=DEMO, server=cluster.api.server)
    with ActionJournal(tmp_path / "proof.journal", header) as journal:
        copied = Copied(cluster, journal, "proof-1")
        copied.make(plan_copy(cluster, workload_of(cluster, "demo"), "proof-1"))
        ours = Ref(kind="Deployment", name="demo-zdtrace", namespace="shop")
        cluster.apply(cluster.prepare(ours, {"spec": {"replicas": 5}}))
        copied.remove(lambda _: None)
    assert [name for _, name in left(shop)] == ["demo", "demo", "other", "shop"]
    with pytest.raises(ClusterError, match="forbidden"):
        cluster.prepare(DEMO, {"spec": {"replicas": 5}})


def left(shop: FakeCluster) -> list[tuple[str, str]]:
    return [
        (kind, each["metadata"]["name"]) for kind in ("deployments", "services", "ingresses")
        for each in sorted(shop.objects[kind].values(), key=lambda each: str(each["metadata"]["name"]))
    ]
