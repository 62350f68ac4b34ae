"""The change of a workload that gives it a preStop: as a strategic merge patch, for Kustomize, and as Helm values.

An existing hook is kept: a sleep in it is made longer, another command runs after the sleep. Only one handler may be
set, so a handler that is replaced is taken out by name (null), or the API server would refuse both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from zdtrace.analysis.workloads import Versions, pod_spec

NATIVE_FROM = 30
"""Minor version of Kubernetes from which `preStop.sleep` works without a feature gate (KEP-3960)."""
_API_VERSIONS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1"}
_PROXIES = re.compile(r"^(?:istio-proxy|linkerd-proxy|consul-dataplane|envoy|nginx|haproxy|kuma-sidecar)$")
_NO_SHELL = re.compile(r"distroless|(?:^|/)(?:scratch|static|pause)(?:[:@]|$)|chainguard|ko\.local|registry\.k8s\.io/")
_SLEEP = re.compile(r"(?:^|(?<=[ /;&|]))sleep +([0-9.]+)(?=$|[ ;&|])")


@dataclass(frozen=True, slots=True)
class Change:
    """What to change of a workload, and what to mind. `containers` get a hook, in the order of the pod.

    `prestop` is the longest sleep, None when only the grace period changes.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    prestop_s: int | None
    grace_period_s: int | None
    hooks: tuple[tuple[str, Mapping[str, Any]], ...]
    warnings: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to change."""
        return not self.hooks and self.grace_period_s is None

    def strategic_merge(self) -> dict[str, Any]:
        """Return a patch for `kubectl patch --type strategic --patch-file`."""
        pod: dict[str, Any] = {}
        if self.grace_period_s is not None:
            pod["terminationGracePeriodSeconds"] = self.grace_period_s
        if self.hooks:
            pod["containers"] = [
                {"name": name, "lifecycle": {"preStop": dict(hook)}} for name, hook in self.hooks
            ]
        spec = pod if self.kind == "Pod" else {"template": {"spec": pod}}
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": spec,
        }

    def kustomization(self, text: str) -> dict[str, Any]:
        """Return a kustomization that applies the patch, `text` being the patch as YAML."""
        return {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "patches": [{"target": {"kind": self.kind, "name": self.name}, "patch": text}],
        }

    def helm_values(self) -> dict[str, Any]:
        """Return values as most charts name them: `terminationGracePeriodSeconds` and `lifecycle`."""
        values: dict[str, Any] = {}
        if self.grace_period_s is not None:
            values["terminationGracePeriodSeconds"] = self.grace_period_s
        if len(self.hooks) == 1:
            values["lifecycle"] = {"preStop": _without_nulls(self.hooks[0][1])}
        elif self.hooks:
            values["containers"] = {name: {"lifecycle": {"preStop": _without_nulls(hook)}} for name, hook in self.hooks}
        return values


def change_of(
    manifest: Mapping[str, Any], prestop_s: int | None, grace_period_s: int | None, versions: Versions,
    *, native_sleep: bool | None = None, has_failed_hook: bool = False,
) -> Change:
    """Return the change that gives a workload this preStop and at least this grace period (s; None: leave it).

    `native_sleep` overrules what the versions say.
    """
    spec = pod_spec(manifest)
    containers = [each for each in spec.get("containers") or [] if isinstance(each, Mapping)]
    hooks: list[tuple[str, Mapping[str, Any]]] = []
    warnings: list[str] = []
    if prestop_s:
        is_native, doubt = _is_native(versions, native_sleep, containers)
        for container in serving(containers):
            hook, remarks = _hook(container, prestop_s, is_native=is_native, has_failed=has_failed_hook)
            warnings += remarks
            if hook is not None:
                hooks.append((str(container.get("name")), hook))
        if doubt and any("exec" in hook and hook["exec"] for _, hook in hooks):
            warnings.append(doubt)
    present = spec.get("terminationGracePeriodSeconds")
    present_s = present if isinstance(present, int) else 30
    is_longer = grace_period_s is not None and grace_period_s > present_s
    metadata = manifest.get("metadata") or {}
    kind = str(manifest.get("kind") or "Deployment")
    if kind == "Pod":
        warnings.append("only the pod was recorded: put this where its template is, a pod itself cannot be changed")
    return Change(
        api_version=str(manifest.get("apiVersion") or _API_VERSIONS.get(kind, "v1")),
        kind=kind,
        namespace=str(metadata.get("namespace") or "default"),
        name=str(metadata.get("name")),
        prestop_s=prestop_s,
        grace_period_s=grace_period_s if is_longer else None,
        hooks=tuple(hooks),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _is_native(
    versions: Versions, wanted: bool | None, containers: Sequence[Mapping[str, Any]]
) -> tuple[bool, str | None]:
    """Return whether to use the sleep of the kubelet, and a doubt if not."""
    if wanted is not None:
        return wanted, None
    # No kubelet may be newer than its API server.
    known = [*versions.kubelets, *([versions.server] if versions.server is not None else [])]
    if versions.kubelets and min(known) >= NATIVE_FROM:
        return True, None
    if any("sleep" in _prestop(each) for each in containers):
        return True, None
    if versions.kubelets:
        return False, f"a kubelet is older than 1.{NATIVE_FROM} and ignores a native sleep: the image needs `sleep`"
    return False, (
        f"no version of a kubelet was recorded, so the image needs `sleep`: where all are 1.{NATIVE_FROM} or later, "
        "--native-sleep does without"
    )


def serving(containers: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the containers that serve: those with ports, and sidecars through which the requests come."""
    found = [each for each in containers if each.get("ports") or _PROXIES.match(str(each.get("name")))]
    with_app = found if any(not _PROXIES.match(str(each.get("name"))) for each in found) else containers
    yield from with_app


def _prestop(container: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (container.get("lifecycle") or {}).get("preStop") or {}
    return found if isinstance(found, Mapping) else {}


def _hook(
    container: Mapping[str, Any], prestop_s: int, *, is_native: bool, has_failed: bool
) -> tuple[Mapping[str, Any] | None, list[str]]:
    """Return the new preStop of a container, None when the present one is kept, and what to mind."""
    name, present = str(container.get("name")), _prestop(container)
    if (present.get("sleep") or {}).get("seconds", -1) >= prestop_s:
        return None, [f"container {name}: its preStop sleeps long enough already"]
    if "httpGet" in present or "tcpSocket" in present:
        return None, [
            f"container {name}: its preStop calls HTTP, and only one handler may be set: let what it calls wait "
            f"{prestop_s} s before it answers"
        ]
    command = [str(each) for each in (present.get("exec") or {}).get("command") or []]
    if not command:
        hook = {"sleep": {"seconds": prestop_s}} if is_native else {"exec": {"command": ["sleep", str(prestop_s)]}}
        cleared = {"sleep": None} if "sleep" in present and not is_native else {}
        return {**cleared, **hook}, [] if is_native else _shell_doubts(container, has_failed)
    slept = _slept(command)
    if slept is not None and slept >= prestop_s:
        return None, [f"container {name}: its preStop sleeps long enough already"]
    if slept is not None and _is_only_sleep(command):
        if is_native:
            remark = f"container {name}: its `sleep` becomes a native one"
            return {"exec": None, "sleep": {"seconds": prestop_s}}, [remark]
        return {"exec": {"command": _longer(command, prestop_s)}}, _shell_doubts(container, has_failed)
    if slept is not None:
        merged = _longer(command, prestop_s)
    else:
        # The command is passed on word by word, so that nothing in it is read by the shell a second time.
        merged = ["/bin/sh", "-c", f'sleep {prestop_s}; exec "$@"', "sh", *command]
    return {"exec": {"command": merged}}, [
        f"container {name}: its present hook is kept and runs after the sleep", *_shell_doubts(container, has_failed),
    ]


def _slept(command: Sequence[str]) -> float | None:
    found = _SLEEP.search(" ".join(command))
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def _is_only_sleep(command: Sequence[str]) -> bool:
    words = command[2:] if len(command) == 3 and command[1] == "-c" else command
    return re.fullmatch(r"(?:exec +)?(?:\S*/)?sleep +[0-9.]+", " ".join(words)) is not None


def _longer(command: Sequence[str], prestop_s: int) -> list[str]:
    """Return the command with its (first) sleep made that long."""
    if len(command) == 2 and _SLEEP.search(" ".join(command)):
        return [command[0], str(prestop_s)]
    words = list(command)
    for place, word in enumerate(words):
        if _SLEEP.search(word):
            words[place] = _SLEEP.sub(f"sleep {prestop_s}", word, count=1)
            return words
    for place, word in enumerate(words[:-1]):
        if word == "sleep" or word.endswith("/sleep"):
            words[place + 1] = str(prestop_s)
            return words
    return words


def _shell_doubts(container: Mapping[str, Any], has_failed: bool) -> list[str]:
    name, image = str(container.get("name")), str(container.get("image") or "")
    if has_failed:
        return [f"container {name}: a preStop hook of this workload failed, so its image may have no `sleep`"]
    if _NO_SHELL.search(image):
        return [f"container {name}: its image ({image}) is of a kind without shell and `sleep`: the hook would fail"]
    return []


def _without_nulls(hook: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hook.items() if value is not None}


def present_s(manifest: Mapping[str, Any]) -> int:
    """Return how long the longest preStop of a manifest sleeps, whole s; 0 without one."""
    slept = []
    for container in pod_spec(manifest).get("containers") or []:
        hook = _prestop(container)
        native = (hook.get("sleep") or {}).get("seconds")
        by_command = _slept([str(each) for each in (hook.get("exec") or {}).get("command") or []])
        slept += [ceil(each) for each in (native, by_command) if each is not None]
    return max(slept, default=0)
