"""The manifests of deploy/: rights as `zdtrace rbac` prints them, and a pod that may do no more than it must."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def test_the_rights_are_those_that_rbac_prints(zdtrace: Callable[..., Any]) -> None:
    said = zdtrace("rbac", "-n", "default", "--ingress", "ingress-nginx", "--name", "zdtrace")
    assert list(yaml.safe_load_all(said.stdout)) == documents(DEPLOY / "base" / "rbac.yaml")


@pytest.mark.parametrize("name", ["job", "cronjob"])
def test_the_pod_is_as_narrow_as_it_can_be(name: str) -> None:
    (found,) = documents(DEPLOY / name / f"{name}.yaml")
    spec = found["spec"] if name == "job" else found["spec"]["jobTemplate"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }
    account, *_ = documents(DEPLOY / "base" / "rbac.yaml")
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert found["metadata"]["namespace"] == account["metadata"]["namespace"]


@pytest.mark.parametrize("name", ["base", "job", "cronjob"])
def test_a_kustomization_names_what_is_there(name: str) -> None:
    (found,) = documents(DEPLOY / name / "kustomization.yaml")
    assert all((DEPLOY / name / each).exists() for each in found["resources"])


def test_the_command_of_the_pod_is_understood(zdtrace: Callable[..., Any]) -> None:
    (found,) = documents(DEPLOY / "job" / "job.yaml")
    (container,) = found["spec"]["template"]["spec"]["containers"]
    # Without a cluster it gets as far as looking for one: the words are right.
    said = zdtrace(*container["args"], env={"KUBECONFIG": "nothing", "HOME": "/nonexistent"})
    assert "no cluster is known" in said.stderr or "kubeconfig cannot be read" in said.stderr, said.stderr
