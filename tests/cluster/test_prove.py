"""The closed loop on a real cluster: what was lost is no longer lost, or it is said why nothing may be done about it.

The claims are small, so that the tests end: how far more rollouts hold is in docs/proof.md.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from clusters import NODE_IP, Lab, end, until

SERVICE = "http://198.19.0.80/demo"
SMALL = ("--claim", "0.5", "--confidence", "0.5", "--baseline", "1")


def template(lab: Lab) -> Any:
    return json.loads(lab.kubectl("get", "deployment", "demo", "-o", "json"))["spec"]["template"]


def prove(
    lab: Lab, folder: Path, *words: str, code: int = 0, timeout: float = 590,
    restored: str = "the workload is as it was before",
) -> dict[str, Any]:
    """Prove the demo. Returns the JSON; whatever it did, the workload is as it was."""
    before = template(lab)
    said = lab.run(
        "env", "-C", folder.parent, sys.executable, "-m", "zdtrace", "prove", "deployment/demo", "-n", "default",
        "--ingress", "nginx-ingress", "--yes", "--into", folder, "-o", "json", *words, timeout=timeout, check=False,
    )
    assert said.returncode == code, f"{said.returncode}\n{said.stderr}"
    assert template(lab) == before
    assert (folder / "proof.html").read_text().startswith("<!doctype html>")
    found = json.loads(said.stdout)
    assert found["restored"] == restored
    assert isinstance(found, dict)
    return found


def somebody(lab: Lab, folder: Path, name: str, *words: str) -> tuple[str, str]:
    """Who has exactly the rights that `zdtrace rbac` prints, and no more."""
    where = ("-n", "default", "--ingress", "nginx-ingress")
    account = ("--service-account", f"default/{name}", "--name", name)
    lab.kubectl("apply", "-f", "-", stdin=lab.zdtrace("rbac", *where, *words, *account).stdout)
    return "--kubeconfig", str(lab.kubeconfig_of(name, folder))


def remedies(found: dict[str, Any]) -> set[str]:
    return {step["remedy"] for row in found["rows"] for step in row["steps"]}


def test_behind_the_ingress_the_recommended_values_lose_nothing(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"START_DELAY": "3s"}, retries=False)
    prover = somebody(lab, tmp_path, "prover", "--prove")
    found = prove(lab, tmp_path / "proof", *prover, *SMALL, "--", *lab.load(45))
    assert found["outcome"] == "proven"
    assert found["baseline"][0]["requests"]["failed"] > 0
    assert {"prestop", "readiness_probe"} <= remedies(found)
    assert all(trial["requests"]["failed"] == 0 for trial in found["rows"][-1]["trials"])


@pytest.mark.long
def test_through_the_service_the_recommended_values_lose_nothing(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"START_DELAY": "1s"}, has_readiness=True, retries=False)
    load = (
        "fortio", "load", "-c", "30", "-qps", "200", "-t", "80s", "-keepalive=false", "-allow-initial-errors",
        "-timeout", "3s", SERVICE,
    )
    found = prove(lab, tmp_path / "proof", *SMALL, "--", *load)
    assert found["outcome"] == "proven"
    assert found["baseline"][0]["requests"]["failed"] > 0
    assert "prestop" in remedies(found)


@pytest.mark.long
def test_requests_that_sigkill_cuts_get_a_grace_period_and_no_prestop(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"ON_TERM": "ignore"}, has_readiness=True, retries=False)
    short = '{"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 3}}}}'
    lab.kubectl("patch", "deployment", "demo", "-p", short)
    lab.kubectl("rollout", "status", "deployment/demo", "--timeout=90s")
    load = (
        "fortio", "load", "-c", "50", "-qps", "50", "-t", "70s", "-allow-initial-errors", "-timeout", "30s",
        "-resolve", NODE_IP, "http://example.com/demo?delay=6s",
    )
    found = prove(lab, tmp_path / "proof", *SMALL, "--", *load)
    assert found["outcome"] == "proven"
    assert "inflight_cut_sigkill" in found["baseline"][0]["causes"]
    assert "grace_period" in remedies(found)


@pytest.mark.long
def test_connections_bound_to_a_pod_get_no_longer_prestop_and_the_reason_is_said(lab: Lab, tmp_path: Path) -> None:
    """Clients keep theirs through the Service, and the application breaks them off when its preStop is over."""
    lab.deploy(has_readiness=True, prestop_s=6, retries=False)
    # fortio sends again, and tells nobody, what breaks on a connection that it had kept; our probe does not.
    load = (
        sys.executable, "-m", "zdtrace", "probe", f"{SERVICE}?delay=150ms", "--connections", "reused", "--rate", "60",
        "--for", "60s",
    )
    found = prove(lab, tmp_path / "proof", *SMALL, "--", *load, code=1)
    assert (found["outcome"], found["rows"]) == ("not_proven", [])
    assert "l4_pinned_connection" in found["baseline"][0]["causes"]
    assert any("close_connections: a connection that is open stays" in each for each in found["reasons"])


@pytest.mark.long
def test_an_application_that_fails_by_itself_is_not_patched_and_the_reason_is_said(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"FAIL_CODE": "500", "FAIL_EVERY": "100", "ON_TERM": "drain"}, has_readiness=True,
               prestop_s=8, retries=False)
    found = prove(lab, tmp_path / "proof", *SMALL, "--", *lab.load(45, qps=200), code=1)
    assert (found["outcome"], found["rows"]) == ("not_proven", [])
    assert any("fix_application: it fails by itself" in each for each in found["reasons"]), found["reasons"]


@pytest.mark.long
def test_sigterm_in_the_middle_puts_the_workload_back(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"START_DELAY": "1s"}, has_readiness=True, retries=False)
    before, talk = template(lab), tmp_path / "talk"
    with talk.open("w") as said:
        process = lab.start(
            sys.executable, "-m", "zdtrace", "prove", "deployment/demo", "-n", "default", "--yes", "--into",
            tmp_path / "proof", *SMALL, "--", *lab.load(40, qps=100), stdout=said, stderr=said, cwd=tmp_path,
        )
    until(lambda: "zdtrace.io/proof" in json.dumps(template(lab)), 90)
    end(process, signal.SIGTERM)
    assert process.returncode == 130, talk.read_text()
    assert template(lab) == before


@pytest.mark.long
def test_kill_9_in_the_middle_is_undone_by_the_journal(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"START_DELAY": "1s"}, has_readiness=True, retries=False)
    before = template(lab)
    with (tmp_path / "talk").open("w") as said:
        process = lab.start(
            sys.executable, "-m", "zdtrace", "prove", "deployment/demo", "-n", "default", "--yes", "--into",
            tmp_path / "proof", *SMALL, "--", *lab.load(40, qps=100), stdout=said, stderr=said, cwd=tmp_path,
        )
    until(lambda: "zdtrace.io/proof" in json.dumps(template(lab)), 90)
    end(process, signal.SIGKILL)
    lab.zdtrace("chaos", "undo", tmp_path / "proof" / "proof.journal")
    assert template(lab) == before


@pytest.mark.long
def test_a_copy_is_proven_and_removed_while_the_workload_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"START_DELAY": "1s"}, has_readiness=True, retries=False)
    what = ("get", "deployments,services,ingresses,pods", "-o", "name")
    of_demo = ("get", "deployment", "demo", "-o", "jsonpath={.metadata.generation}")
    before, generation = lab.kubectl(*what), lab.kubectl(*of_demo)
    copier = somebody(lab, tmp_path, "copier", "--in-copy", "demo")
    may = ("kubectl", copier[0], copier[1], "auth", "can-i", "patch", "deployment/demo")
    assert lab.run(*may, check=False).stdout.strip() == "no"
    found = prove(
        lab, tmp_path / "proof", "--in-copy", *copier, *SMALL, "--", *lab.load(45),
        restored="the copy is removed, the workload itself was not touched",
    )
    assert found["outcome"] == "proven"
    assert found["baseline"][0]["requests"]["failed"] > 0
    assert found["rows"][-1]["patch"]["metadata"]["name"] == "demo"
    until(lambda: lab.kubectl(*what) == before, 60)
    assert lab.kubectl(*of_demo) == generation
