"""The experiment that zdtrace was made for, by the recorder alone: what a rollout loses, why, and what prevents it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from clusters import Lab


def rollout(lab: Lab, folder: Path) -> tuple[int, dict[str, Any]]:
    """Roll out under load, with everything recorded by `zdtrace record`.

    Returns how many requests fortio itself says failed, and what `analyze -o json` says.
    """
    what = ("-n", "default", "-l", "app=demo", "--ingress", "nginx-ingress", "--after", "5s")
    with lab.recording(folder, *what, "--", *lab.load(40)) as run:
        time.sleep(6)
        lab.kubectl("rollout", "restart", "deployment/demo")
        assert run.wait(120) == 0, folder.with_name(f"{folder.name}.stderr").read_text()[-2000:]
    (summary,) = folder.parent.glob("*_example_com_demo_*.json")
    codes = json.loads(summary.read_text())["RetCodes"]
    said = lab.zdtrace("analyze", folder, "-o", "json", check=False)
    assert said.returncode in (0, 1), said.stderr
    return sum(count for code, count in codes.items() if code != "200"), json.loads(said.stdout)


def test_without_readiness_and_prestop_requests_are_lost_and_each_has_its_cause(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"START_DELAY": "4s"}, retries=False)
    lost, found = rollout(lab, tmp_path / "bare.zdtrace")
    assert lost > 0, "nothing was lost, so nothing is proven"
    assert found["requests"]["failed"] == lost
    causes = {each["cause"]: each["failed"] for each in found["causes"]}
    assert causes.pop("unattributed", 0) == 0, found["sentence"]
    assert sum(causes.values()) == lost
    # Pods that are sent to before they listen, and pods that are sent to when they have stopped.
    assert "pod_not_ready_yet" in causes
    assert {"endpoint_lag_refused", "inflight_cut_sigterm", "endpoint_lag_blackhole"} & set(causes)
    assert {name for each in found["causes"] for name in each["triggers"]} == {"rollout"}


def test_with_readiness_drain_and_prestop_nothing_is_lost(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(environment={"START_DELAY": "4s", "ON_TERM": "drain"}, has_readiness=True, prestop_s=8, retries=False)
    lost, found = rollout(lab, tmp_path / "covered.zdtrace")
    assert lost == 0, found["sentence"]
    assert found["requests"]["failed"] == 0
    assert found["requests"]["total"] > 5000
    assert found["verdict"] == "pass"
