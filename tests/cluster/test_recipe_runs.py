"""What the recipes for other tools let run, run: with the image, and with the rights that `zdtrace rbac` prints.

The tools themselves are not here. A Job stands in for the one that Argo Rollouts makes of an analysis, for the pod of
Litmus' probe and for Flagger's load tester; another program for krkn.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from clusters import LAB, Lab, until
from recordings import in_table

RECIPES = LAB.parents[1] / "deploy" / "recipes"
SERVICE = "http://198.19.0.80/demo"
LASTS = "25s"


def recipe(name: str) -> Any:
    return yaml.safe_load((RECIPES / f"{name}.yaml").read_text())


def argo() -> dict[str, Any]:
    """The Job's pod, with the arguments put in as Argo Rollouts does it."""
    spec = recipe("argo-rollouts")["spec"]
    text = json.dumps(spec["metrics"][0]["provider"]["job"]["spec"]["template"]["spec"])
    for each in spec["args"]:
        text = text.replace(f"{{{{args.{each['name']}}}}}", each["value"])
    found: dict[str, Any] = json.loads(text)
    return found


def litmus() -> dict[str, Any]:
    (probe,) = recipe("litmus")["spec"]["experiments"][0]["spec"]["probe"]
    return pod(probe["cmdProbe/inputs"]["command"])


def flagger() -> dict[str, Any]:
    (hook,) = recipe("flagger")["spec"]["analysis"]["webhooks"]
    return pod(hook["metadata"]["cmd"])


def pod(command: str) -> dict[str, Any]:
    container = {"name": "zdtrace", "image": "zdtrace", "command": ["/bin/sh", "-c"], "args": [command]}
    return {"serviceAccountName": "zdtrace", "restartPolicy": "Never", "containers": [container]}


def adapted(spec: dict[str, Any], image: str) -> dict[str, Any]:
    """Name the image, and what the lab calls things: it has no DNS."""
    (container,) = spec["containers"]
    (command,) = container["args"]
    for theirs in ("http://example.com/demo", "http://demo-canary.demo/", "http://demo.demo/"):
        command = command.replace(theirs, SERVICE)
    command = command.replace("--ingress ingress-nginx", "--ingress nginx-ingress").replace("-n demo", "-n default")
    command = re.sub(r"--for \d+s", f"--for {LASTS}", command)
    container.update(image=image, imagePullPolicy="Never", args=[command])
    return spec


@pytest.mark.long
@pytest.mark.parametrize(("name", "made"), [("argo", argo), ("litmus", litmus), ("flagger", flagger)])
def test_the_command_passes_what_is_clean_and_fails_what_loses_requests(
    lab: Lab, image: str, name: str, made: Callable[[], dict[str, Any]]
) -> None:
    rights = ("-n", "default", "--ingress", "nginx-ingress", "--name", "zdtrace", "--service-account", "zdtrace")
    lab.kubectl("apply", "-f", "-", stdin=lab.zdtrace("rbac", *rights).stdout)
    lab.deploy(environment={"START_DELAY": "3s"})
    for outcome in ("clean", "lossy"):
        job = f"{name}-{outcome}"
        lab.kubectl("create", "-f", "-", stdin=json.dumps({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job},
            "spec": {"backoffLimit": 0, "template": {"spec": adapted(made(), image)}},
        }))
        try:
            until(lambda job=job: "recording default into" in talk(lab, job), 120)  # type: ignore[misc]
            deadline = time.monotonic() + 180
            while not {"succeeded", "failed"} & set(status(lab, job)):
                assert time.monotonic() < deadline, talk(lab, job)
                # When it begins to send is its own business: some rollout meets its requests.
                if outcome == "lossy":
                    lab.kubectl("rollout", "restart", "deployment/demo")
                time.sleep(6)
            is_pass = '"verdict": "pass"' in talk(lab, job) if name == "litmus" else "succeeded" in status(lab, job)
            assert is_pass == (outcome == "clean"), talk(lab, job)
        finally:
            lab.kubectl("delete", "job", job, "--wait=false")


def status(lab: Lab, job: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab.kubectl("get", "job", job, "-o", "json"))["status"]
    return found


def talk(lab: Lab, job: str) -> str:
    return lab.run("kubectl", "logs", f"job/{job}", check=False).stdout


@pytest.mark.long
@pytest.mark.parametrize(("program", "code"), [("kubectl get pods", 0), ("kubectl delete pod -l app=demo", 1)])
def test_the_script_for_krkn_records_around_whatever_runs_and_ends_with_the_verdict(
    lab: Lab, tmp_path: Path, program: str, code: int
) -> None:
    lab.deploy(has_readiness=True)
    path = f"{Path(sys.executable).parent}:{lab.environment['PATH']}"
    said = lab.run(
        "env", f"PATH={path}", f"KRKN={program}", f"URL={SERVICE}", "LISTENS_AFTER=20", "sh", RECIPES / "krkn.sh",
        tmp_path / "run.zdtrace", "-n", "default", timeout=180, check=False,
    )
    assert said.returncode == code, said.stdout + said.stderr
    assert len(in_table(tmp_path / "run.zdtrace", "requests", "status")) > 100
