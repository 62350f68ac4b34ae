"""With exactly the rights that `zdtrace rbac` prints everything is recorded; with one less, all but one source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_api import FakeApi, pod, thing
from fake_rbac import Rules, attributes

from zdtrace.collectors.recorder import Ingress
from zdtrace.collectors.rights import Reach, Right, manifests, of_experiments, of_recording

SUBJECT = {"kind": "User", "name": "me", "apiGroup": "rbac.authorization.k8s.io"}
REACH = Reach(namespace="default", ingresses=("ingress",), has_node_settings=True)
NEEDED = [each for each in of_recording(REACH) if not each.is_optional]
MEANT = {
    "ingress log of ingress": "log of ingress/nginx-1 nginx",
    "ingress settings of ingress": "settings ingress/nginx-config",
}


def granted(*rights: Right) -> Rules:
    return Rules(manifests(rights, SUBJECT, "zdtrace"))


def populate(fake: FakeApi) -> None:
    nginx = pod("nginx-1", "ingress", containers=[{
        "name": "nginx", "image": "nginx/nginx-ingress:5.0", "args": ["-nginx-configmaps=ingress/nginx-config"],
    }])
    state = [{"name": "nginx", "restartCount": 0, "state": {"running": {}}}]
    fake.put("pods", {**nginx, "status": {"containerStatuses": state}})
    fake.put("pods", pod("demo"))
    fake.put("configmaps", thing("ConfigMap", "nginx-config", "ingress"))
    fake.put("nodes", thing("Node", "node1", None))


def listening(heard: Any) -> set[str]:
    return {each for line in heard.lines() for each in line.get("listening", ())}


def test_with_exactly_these_everything_is_recorded(fake: FakeApi, listen: Callable[..., Any]) -> None:
    populate(fake)
    fake.configz = {"node1": {"maxPods": 110}}
    fake.rules = granted(*of_recording(REACH))
    heard = listen(ingresses=(Ingress("ingress"),))
    heard.until(lambda: heard.names("ConfigMap") and heard.names("KubeletConfiguration"))
    wanted = {MEANT.get(each.source, each.source) for each in NEEDED} - {"kube-proxy's settings"}
    heard.until(lambda: wanted <= listening(heard))
    assert heard.warnings == []
    assert [line["gap"] for line in heard.lines() if "gap" in line] == []


@pytest.mark.parametrize("missing", NEEDED, ids=lambda right: str(right.source))
def test_with_one_less_that_source_is_missing_and_no_other(
    fake: FakeApi, listen: Callable[..., Any], missing: Right
) -> None:
    populate(fake)
    fake.configz = {"node1": {"maxPods": 110}}
    fake.rules = granted(*(each for each in of_recording(REACH) if each != missing))
    heard = listen(ingresses=(Ingress("ingress"),))
    source = MEANT.get(missing.source, missing.source)
    depends = source.startswith(("ingress pods", "log of", "settings"))  # of those pods' logs and settings nobody hears
    heard.until(lambda: len(heard.warnings) == 1)
    assert heard.warnings[0].startswith(source)
    others = {MEANT.get(each.source, each.source) for each in NEEDED} - {source, "kube-proxy's settings"}
    if depends:
        others = {each for each in others if not each.startswith(("log of", "settings"))}
    heard.until(lambda: others <= listening(heard))
    assert len(heard.warnings) == 1
    if source != "kube-proxy's settings":
        heard.until(lambda: heard.gaps(source))
        assert [gap["until_ns"] for gap in heard.gaps(source)] == [None]


def test_recording_changes_nothing_and_reads_no_secret() -> None:
    every = of_recording(Reach(namespace=None, ingresses=("ingress",), has_node_settings=True))
    assert {verb for each in every for verb in each.verbs} == {"get", "list", "watch"}
    assert "secrets" not in {each.resource for each in every}
    assert all(each.names for each in every if each.resource == "configmaps")


def test_only_experiments_may_change_something() -> None:
    verbs = {verb for each in of_experiments("default") for verb in each.verbs}
    assert {"delete", "patch", "create"} <= verbs
    resources = {each.resource for each in of_experiments("default")}
    assert {"pods/eviction", "pods/exec", "deployments/scale", "nodes", "leases"} <= resources
    assert not any("*" in (each.group, each.resource, *each.verbs) for each in of_experiments(None))


def test_all_namespaces_are_one_cluster_role() -> None:
    found = manifests(of_recording(Reach(namespace=None)), SUBJECT, "zdtrace")
    cluster = next(each for each in found if each["kind"] == "ClusterRole")
    assert any("pods" in rule["resources"] for rule in cluster["rules"])
    rules = Rules(found)
    asked = attributes("GET", "/api/v1/namespaces/any/pods?watch=true")
    assert asked is not None
    assert rules.allow(asked)


def test_kubelets_settings_are_not_read_unasked() -> None:
    assert "nodes/proxy" not in {each.resource for each in of_recording(Reach(namespace="default"))}
