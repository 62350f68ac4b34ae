"""What kube-proxy and kubelets are set to, as far as the API server tells, and no more of it than explains requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_api import FakeApi, pod, thing

from zdtrace.collectors.settings import proxy_settings

PROXY = """
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: /var/lib/c4nary}
mode: iptables
iptables: {minSyncPeriod: 10s, syncPeriod: 30s}
"""


def config_map(text: str = PROXY, name: str = "kube-proxy") -> dict[str, Any]:
    return thing("ConfigMap", name, "kube-system", data={"config.conf": text, "kubeconfig.conf": "c4nary"})


def recorded(heard: Any, kind: str) -> dict[str, Any]:
    heard.until(lambda: heard.names(kind))
    return next(line["object"] for line in heard.lines() if line.get("object", {}).get("kind") == kind)


@pytest.mark.parametrize("name", ["kube-proxy", "kube-proxy-config"])
def test_how_late_kube_proxy_may_be_is_recorded_without_its_access(
    fake: FakeApi, listen: Callable[..., Any], name: str
) -> None:
    fake.put("configmaps", config_map(name=name))
    heard = listen()
    found = recorded(heard, "KubeProxyConfiguration")
    assert found["iptables"]["minSyncPeriod"] == "10s"
    assert found["metadata"]["name"] == name
    assert "c4nary" not in str(heard.lines())
    assert heard.warnings == []


def test_a_missing_right_to_it_is_one_warning(fake: FakeApi, listen: Callable[..., Any]) -> None:
    fake.refused = {"configmaps"}
    assert [each.split(":")[0] for each in listen().warnings] == ["kube-proxy's settings will be missing"]


@pytest.mark.parametrize("text", ["", "[", "kind: Other", "a: &a [*a]", "kind: [KubeProxyConfiguration]", "7"])
def test_what_is_no_configuration_is_left_alone(text: str) -> None:
    assert proxy_settings(config_map(text)) is None


def test_kubelets_of_recorded_nodes_are_read_where_that_is_allowed(
    fake: FakeApi, listen: Callable[..., Any]
) -> None:
    fake.configz = {"node1": {"shutdownGracePeriod": "30s", "staticPodPath": "c4nary"}}
    fake.put("nodes", thing("Node", "node1", None))
    fake.put("nodes", thing("Node", "node2", None))
    fake.put("pods", pod("demo"))
    heard = listen()
    assert recorded(heard, "KubeletConfiguration")["shutdownGracePeriod"] == "30s"
    assert "c4nary" not in str(heard.lines())
    assert not any("node2/proxy" in path for path in fake.paths)


def test_that_kubelets_may_not_be_read_is_no_warning(fake: FakeApi, listen: Callable[..., Any]) -> None:
    fake.refused = {"nodes/proxy"}
    fake.put("nodes", thing("Node", "node1", None))
    fake.put("pods", pod("demo"))
    heard = listen()
    heard.until(lambda: any("configz" in path for path in fake.paths))
    assert heard.warnings == []
    assert heard.gaps("node settings") == []


def test_a_node_that_is_listed_before_its_first_pod_is_asked_too(fake: FakeApi, listen: Callable[..., Any]) -> None:
    fake.configz = {"node1": {"shutdownGracePeriod": "30s"}}
    fake.put("nodes", thing("Node", "node1", None))
    heard = listen()
    fake.put("pods", pod("demo"))
    assert recorded(heard, "KubeletConfiguration")["shutdownGracePeriod"] == "30s"
