"""The manifests of deploy/: rights as `zdtrace rbac` prints them, and a pod that may do no more than it must."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from zdtrace.chaos.experiment import read_experiment

DEPLOY = Path(__file__).parents[2] / "deploy"


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def test_the_rights_are_those_that_rbac_prints(zdtrace: Callable[..., Any]) -> None:
    said = zdtrace("rbac", "-n", "default", "--ingress", "ingress-nginx", "--name", "zdtrace")
    assert list(yaml.safe_load_all(said.stdout)) == documents(DEPLOY / "base" / "rbac.yaml")


def test_an_experiments_rights_are_its_own_and_those_that_rbac_prints(zdtrace: Callable[..., Any]) -> None:
    said = zdtrace(
        "rbac", "-n", "default", "--ingress", "ingress-nginx", "--chaos", "--name", "zdtrace-chaos",
        "--service-account", "zdtrace-chaos",
    )
    assert list(yaml.safe_load_all(said.stdout)) == documents(DEPLOY / "chaos" / "rbac.yaml")


def test_an_experiment_runs_alone_and_is_not_made_up_for() -> None:
    (found,) = documents(DEPLOY / "chaos" / "cronjob.yaml")
    assert found["spec"]["concurrencyPolicy"] == "Forbid"
    assert found["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0


def test_the_experiment_is_one_and_writes_where_the_pod_may() -> None:
    experiment = read_experiment(DEPLOY / "chaos" / "experiment.yaml")
    (found,) = documents(DEPLOY / "chaos" / "cronjob.yaml")
    (container,) = found["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert str(experiment.report.folder) in {each["mountPath"] for each in container["volumeMounts"]}
    # Its opt-in is on the workload: a copied file must not choose a namespace by itself.
    assert experiment.safety.namespaces == ()


@pytest.mark.parametrize(("name", "rights"), [("job", "base"), ("cronjob", "base"), ("chaos", "chaos")])
def test_the_pod_is_as_narrow_as_it_can_be(name: str, rights: str) -> None:
    (found,) = documents(DEPLOY / name / ("cronjob.yaml" if name == "chaos" else f"{name}.yaml"))
    spec = found["spec"] if name == "job" else found["spec"]["jobTemplate"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }
    account, *_ = documents(DEPLOY / rights / "rbac.yaml")
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert found["metadata"]["namespace"] == account["metadata"]["namespace"]


@pytest.mark.parametrize("name", ["base", "job", "cronjob", "chaos"])
def test_a_kustomization_names_what_is_there(name: str) -> None:
    (found,) = documents(DEPLOY / name / "kustomization.yaml")
    files = [file for each in found.get("configMapGenerator", ()) for file in each["files"]]
    assert all((DEPLOY / name / each).exists() for each in [*found["resources"], *files])


@pytest.mark.parametrize("file", ["job/job.yaml", "chaos/cronjob.yaml"])
def test_the_command_of_the_pod_is_understood(file: str, zdtrace: Callable[..., Any]) -> None:
    (found,) = documents(DEPLOY / file)
    spec = found["spec"].get("jobTemplate", found)["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    # Without a cluster it gets as far as looking for one: the words are right.
    said = zdtrace(*container["args"], env={"KUBECONFIG": "nothing", "HOME": "/nonexistent"})
    assert "no cluster is known" in said.stderr or "kubeconfig cannot be read" in said.stderr, said.stderr
