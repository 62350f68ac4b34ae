"""Settings of kube-proxy and of kubelets, read once: how late a data path may be, and how nodes shut down.

Both are objects of Kubernetes' own (`KubeProxyConfiguration`, `KubeletConfiguration`) and are recorded as such, cut
down to the fields named here: the rest holds paths, addresses and credentials, and explains no request.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from zdtrace.collectors.api import Api, ApiFailure

PROXY_NAMESPACE = "kube-system"
PROXY_CONFIG_MAPS = ("kube-proxy", "kube-proxy-config")
"""As kubeadm and kind name it, and as EKS does."""

_PROXY_FIELDS = (
    "mode", "iptables", "ipvs", "nftables", "conntrack", "configSyncPeriod", "detectLocalMode", "featureGates",
)
_KUBELET_FIELDS = (
    "shutdownGracePeriod", "shutdownGracePeriodCriticalPods", "shutdownGracePeriodByPodPriority",
    "nodeStatusUpdateFrequency", "nodeLeaseDurationSeconds", "evictionHard", "evictionSoft", "evictionSoftGracePeriod",
    "evictionMaxPodGracePeriod", "syncFrequency", "maxPods", "serializeImagePulls", "featureGates",
)
_LARGEST = 1 << 20
_MOST_NODES = 200
_MOST_ENTRIES = 200
Take = Callable[[dict[str, Any]], None]


class NodeSettings(threading.Thread):
    """Reads what kubelets of recorded nodes are set to, one after the other, as far as that is allowed.

    That takes `get` of `nodes/proxy`, which allows much more than reading: no recording needs it, so that it is
    missing is no warning.
    """

    def __init__(self, api: Api, take: Take) -> None:
        super().__init__(name="node settings", daemon=True)
        self._api = api
        self._take = take
        self._nodes: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._known: set[str] = set()

    def note(self, node: Mapping[str, Any]) -> None:
        """Say that a node belongs to the recording."""
        metadata = node.get("metadata") or {}
        name, uid = str(metadata.get("name")), str(metadata.get("uid"))
        if name not in self._known and len(self._known) < _MOST_NODES:
            self._known.add(name)
            self._nodes.put((name, uid))

    def stop(self) -> None:
        """Read no more."""
        self._nodes.put(None)

    def run(self) -> None:
        """Read until told to stop, or until it turns out that it is not allowed."""
        while (node := self._nodes.get()) is not None:
            name, uid = node
            try:
                found = self._api.get(f"/api/v1/nodes/{name}/proxy/configz").get("kubeletconfig")
            except ApiFailure as failure:
                if failure.is_refusal:
                    return
                continue  # this kubelet does not answer; another may
            if isinstance(found, Mapping):
                metadata = {"name": name, "uid": f"{uid}/configz", "resourceVersion": "0"}
                self._take({
                    "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
                    "metadata": metadata, **_reduced(found, _KUBELET_FIELDS),
                })


def read_proxy_settings(api: Api, take: Take, warn: Callable[[str], None]) -> None:
    """Read kube-proxy's settings, where they are in a ConfigMap: managed clusters may hide them."""
    for name in PROXY_CONFIG_MAPS:
        try:
            found = api.get(f"/api/v1/namespaces/{PROXY_NAMESPACE}/configmaps/{name}")
        except ApiFailure as failure:
            if failure.status == 404:
                continue
            warn(f"kube-proxy's settings will be missing: {failure.words}")
            return
        if (settings := proxy_settings(found)) is not None:
            take(settings)
            return


def proxy_settings(config_map: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the configuration that a ConfigMap holds, without what is of no use; null when it holds none."""
    import yaml

    data = config_map.get("data")
    values = data.items() if isinstance(data, dict) else ()
    text = next((value for key, value in values if key.startswith("config")), None)
    if not isinstance(text, str) or len(text) > _LARGEST:
        return None
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("kind") != "KubeProxyConfiguration":
        return None
    metadata = config_map.get("metadata") or {}
    return {
        "apiVersion": str(found.get("apiVersion")), "kind": "KubeProxyConfiguration",
        "metadata": {name: str(metadata.get(name)) for name in ("name", "namespace", "uid", "resourceVersion")},
        **_reduced(found, _PROXY_FIELDS),
    }


def _reduced(found: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: _plain(found[name], 2) for name in fields if found.get(name) not in (None, "", {}, [])}


def _plain(value: Any, depth: int) -> Any:
    """Return what JSON can hold of a value, a few levels of it."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, dict) and depth:
        return {str(key): _plain(each, depth - 1) for key, each in list(value.items())[:_MOST_ENTRIES]}
    if isinstance(value, list) and depth:
        return [_plain(each, depth - 1) for each in value[:_MOST_ENTRIES]]
    return str(value)[:200]
