"""Other ways to the same pods, and other load tests: Envoy, which reloads nothing; k6 and vegeta beside fortio."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import HOST, LAB, NODE_IP, Lab
from recordings import in_table

ENVOY_PORT = 8880
K6 = f"""
import http from 'k6/http';
export const options = {{
  hosts: {{ '{HOST}': '{NODE_IP}' }},
  scenarios: {{ steady: {{
    executor: 'constant-arrival-rate', rate: 100, timeUnit: '1s', duration: '8s', preAllocatedVUs: 20,
  }} }},
}};
export default function () {{ http.get('http://{HOST}/demo'); }}
"""


@pytest.fixture(scope="module")
def contour(lab: Lab) -> Iterator[Lab]:
    """The lab with Contour and Envoy beside nginx."""
    done = subprocess.run([LAB / "with-contour"], env=lab.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    yield lab
    lab.kubectl("delete", "-f", str(LAB / "manifests" / "contour"), "--wait=false")


def rollout_through_envoy(lab: Lab, folder: Path) -> dict[str, Any]:
    load = [*lab.load(25)[:-1], f"http://{HOST}:{ENVOY_PORT}/demo"]
    what = ("-n", "default", "-l", "app=demo", "--ingress", "projectcontour/app=envoy", "--after", "5s")
    with lab.recording(folder, *what, "--", *load) as run:
        time.sleep(4)
        lab.kubectl("rollout", "restart", "deployment/demo")
        assert run.wait(120) == 0
    said = lab.zdtrace("analyze", folder, "-o", "json", check=False)
    assert said.returncode in (0, 1), said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_envoy_reloads_nothing_and_loses_requests_all_the_same(contour: Lab, tmp_path: Path) -> None:
    contour.deploy(has_readiness=True)
    found = rollout_through_envoy(contour, tmp_path / "envoy.zdtrace")
    lines = in_table(tmp_path / "envoy.zdtrace", "proxy_requests", "line")
    assert len(lines) >= found["requests"]["total"], "Envoy's log was not followed"
    assert found["requests"]["failed"] > 0, "nothing was lost, so nothing is proven"
    causes = {each["cause"]: each["failed"] for each in found["causes"]}
    assert causes.pop("unattributed", 0) == 0, found["sentence"]
    assert sum(causes.values()) == found["requests"]["failed"]
    assert "ingress_reload_reset" not in causes


@pytest.mark.long
def test_a_short_prestop_is_enough_for_envoy(contour: Lab, tmp_path: Path) -> None:
    contour.deploy(environment={"ON_TERM": "drain"}, has_readiness=True, prestop_s=4)
    found = rollout_through_envoy(contour, tmp_path / "covered.zdtrace")
    assert found["requests"]["failed"] == 0, found["sentence"]
    assert found["requests"]["total"] > 3000


def test_each_request_of_k6_is_recorded(lab: Lab, tmp_path: Path) -> None:
    script = tmp_path / "script.js"
    script.write_text(K6, encoding="utf-8")
    folder = tmp_path / "k6.zdtrace"
    with lab.recording(folder, "-n", "default", "-l", "app=demo", "--", "k6", "run", "--quiet", script) as run:
        assert run.wait(90) == 0, folder.with_name("k6.zdtrace.stderr").read_text()[-3000:]
    assert len(in_table(folder, "requests", "status")) >= 600


def test_each_request_of_vegeta_is_recorded(lab: Lab, tmp_path: Path) -> None:
    targets = tmp_path / "targets"
    targets.write_text(f"GET http://{NODE_IP}/demo\nHost: {HOST}\n", encoding="utf-8")
    folder = tmp_path / "vegeta.zdtrace"
    load = ("vegeta", "attack", "-rate", "100", "-duration", "8s", "-targets", targets)
    with lab.recording(folder, "-n", "default", "-l", "app=demo", "--", *load) as run:
        assert run.wait(90) == 0, folder.with_name("vegeta.zdtrace.stderr").read_text()[-3000:]
    rows = in_table(folder, "requests", "status")
    assert len(rows) == 800


@pytest.mark.long
def test_vegetas_requests_survive_a_kill_of_the_recorder(lab: Lab, tmp_path: Path) -> None:
    targets = tmp_path / "targets"
    targets.write_text(f"GET http://{NODE_IP}/demo\nHost: {HOST}\n", encoding="utf-8")
    folder = tmp_path / "killed.zdtrace"
    load = ("vegeta", "attack", "-rate", "100", "-duration", "8s", "-targets", targets)
    with lab.recording(folder, "-n", "default", "-l", "app=demo", "--", *load) as run:
        time.sleep(4)
        run.kill()
    time.sleep(6)  # vegeta goes on: nobody told it to end
    said = lab.zdtrace("analyze", folder, check=False)
    assert "repairing it" in said.stderr
    assert len(in_table(folder, "requests", "status")) == 800
