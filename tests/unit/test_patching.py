"""The change keeps what is there: hooks are merged, sidecars outlast the application, one handler is set."""

from __future__ import annotations

from typing import Any

import pytest

from zdtrace.analysis.patching import Change, change_of
from zdtrace.analysis.workloads import Versions

NEW, OLD, UNKNOWN = Versions(37, (37, 36)), Versions(31, (31, 29)), Versions(None, ())


def workload(*containers: dict[str, Any], grace_s: int = 30) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"terminationGracePeriodSeconds": grace_s, "containers": list(containers)}}},
    }


def container(name: str = "web", image: str = "registry.example/web:1", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "ports": [{"containerPort": 80}], **more}


def with_hook(**hook: Any) -> dict[str, Any]:
    return container(lifecycle={"preStop": hook})


def hook_of(change: Change, name: str = "web") -> dict[str, Any]:
    return dict(dict(change.hooks)[name])


def test_new_kubelets_sleep_by_themselves() -> None:
    change = change_of(workload(container()), 4, 12, NEW)
    assert hook_of(change) == {"sleep": {"seconds": 4}}
    assert (change.grace_period_s, change.warnings) == (None, ())


@pytest.mark.parametrize(("versions", "warning"), [
    (OLD, "a kubelet is older than 1.30"), (UNKNOWN, "no version of a kubelet was recorded"),
])
def test_one_old_kubelet_needs_the_images_sleep(versions: Versions, warning: str) -> None:
    change = change_of(workload(container()), 4, 12, versions)
    assert hook_of(change) == {"exec": {"command": ["sleep", "4"]}}
    assert warning in " ".join(change.warnings)


def test_an_image_without_shell_is_warned_of() -> None:
    change = change_of(workload(container(image="gcr.io/distroless/static:nonroot")), 4, 12, OLD)
    assert "without shell" in " ".join(change.warnings)


def test_a_grace_period_is_only_made_longer() -> None:
    assert change_of(workload(container(), grace_s=10), 4, 12, NEW).grace_period_s == 12
    assert change_of(workload(container(), grace_s=60), 4, 12, NEW).grace_period_s is None


@pytest.mark.parametrize(("command", "merged"), [
    (["nginx", "-s", "quit"], ["/bin/sh", "-c", 'sleep 4; exec "$@"', "sh", "nginx", "-s", "quit"]),
    (["/bin/sh", "-c", "sleep 2 && nginx -s quit"], ["/bin/sh", "-c", "sleep 4 && nginx -s quit"]),
    (["sh", "-c", "echo; $(id)"], ["/bin/sh", "-c", 'sleep 4; exec "$@"', "sh", "sh", "-c", "echo; $(id)"]),
])
def test_a_hook_that_does_something_is_kept_and_runs_after_the_sleep(command: list[str], merged: list[str]) -> None:
    change = change_of(workload(with_hook(exec={"command": command})), 4, 12, NEW)
    assert hook_of(change) == {"exec": {"command": merged}}
    assert "is kept" in " ".join(change.warnings)


@pytest.mark.parametrize("command", [["sleep", "2"], ["/bin/sleep", "2"], ["sh", "-c", "sleep 2"]])
def test_a_hook_that_only_sleeps_becomes_a_native_one_and_is_taken_out_by_name(command: list[str]) -> None:
    change = change_of(workload(with_hook(exec={"command": command})), 4, 12, NEW)
    assert hook_of(change) == {"exec": None, "sleep": {"seconds": 4}}
    longer = change_of(workload(with_hook(exec={"command": command})), 4, 12, OLD)
    assert hook_of(longer)["exec"]["command"][-1] in ("4", "sleep 4")


def test_a_hook_that_sleeps_longer_is_left_alone() -> None:
    change = change_of(workload(with_hook(sleep={"seconds": 20})), 4, 12, NEW)
    assert (change.hooks, change.is_empty) == ((), True)


def test_a_hook_over_http_is_never_replaced() -> None:
    change = change_of(workload(with_hook(httpGet={"path": "/quit", "port": 80})), 4, 12, NEW)
    assert change.hooks == ()
    assert "calls HTTP" in " ".join(change.warnings)


def test_a_sidecar_that_passes_requests_on_sleeps_too_and_one_that_does_not_is_left_alone() -> None:
    containers = [container(), {"name": "istio-proxy", "image": "proxyv2"}, {"name": "logs", "image": "fluent-bit"}]
    change = change_of(workload(*containers), 4, 12, NEW)
    assert [name for name, _ in change.hooks] == ["web", "istio-proxy"]


def test_helm_values_and_kustomization_say_the_same() -> None:
    change = change_of(workload(with_hook(exec={"command": ["sleep", "2"]}), grace_s=5), 4, 12, NEW)
    assert change.helm_values() == {
        "terminationGracePeriodSeconds": 12, "lifecycle": {"preStop": {"sleep": {"seconds": 4}}},
    }
    (patch,) = change.kustomization("text")["patches"]
    assert patch == {"target": {"kind": "Deployment", "name": "web"}, "patch": "text"}


@pytest.mark.parametrize("broken", [
    {}, {"spec": None}, {"spec": {"template": {"spec": {"containers": [None, "x", {"name": None}]}}}},
    {"kind": "Pod", "metadata": None, "spec": {"containers": [{"lifecycle": {"preStop": []}}]}},
])
def test_a_broken_manifest_is_no_traceback(broken: dict[str, Any]) -> None:
    change_of(broken, 4, 12, NEW)
