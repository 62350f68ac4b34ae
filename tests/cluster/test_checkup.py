"""`zdtrace doctor` and `zdtrace probe` on a real cluster: what it says is true, and what it tells to change helps."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import HOST, NODE_IP, Lab
from recordings import in_table

URL = f"http://{HOST}/demo"


@pytest.fixture
def usual_log(lab: Lab) -> Iterator[str]:
    """The format of the ingress' log as the lab has it, put back afterwards."""
    found = json.loads(lab.kubectl("get", "configmap", "nginx-config", "-n", "nginx-ingress", "-o", "json"))
    usual: str = found["data"]["log-format"]
    yield usual
    set_log(lab, usual)


def set_log(lab: Lab, log_format: str) -> None:
    patch = json.dumps({"data": {"log-format": log_format}})
    lab.kubectl("patch", "configmap", "nginx-config", "-n", "nginx-ingress", "--type=merge", "-p", patch)


def probe(lab: Lab, folder: Path, seconds: int) -> None:
    words = (URL, "--resolve", NODE_IP, "--rate", "20", "--for", f"{seconds}s", "--log", folder / "traffic.ndjson")
    lab.zdtrace("probe", *words, check=False)


def checked(lab: Lab) -> dict[str, Any]:
    said = lab.zdtrace("doctor", "-n", "default", "--ingress", "nginx-ingress", "-o", "json", check=False)
    assert said.returncode in (0, 3), said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def words_of(found: dict[str, Any], area: str, state: str) -> dict[str, str]:
    chosen = [each for each in found["checks"] if (each["area"], each["state"]) == (area, state)]
    return {each["subject"]: each["words"] for each in chosen}


def risks(found: dict[str, Any]) -> list[str]:
    every = [each for each in found["checks"] if each["state"] == "risk" and each["subject"] == "deployment/demo"]
    return [each["words"].split(":")[0] for each in every]


@pytest.mark.long
def test_doctor_tells_what_loses_requests_and_that_it_is_gone_when_it_is(lab: Lab) -> None:
    lab.deploy()
    before = checked(lab)
    assert words_of(before, "rights", "thin") == {}
    assert "list, watch in default" in words_of(before, "rights", "ok")["pods"]
    assert risks(before) == ["no readiness probe", "no preStop", "no disruption budget"]
    assert "of the recorder's" in words_of(before, "clocks", "ok")["apiserver"]
    lab.deploy(has_readiness=True, prestop_s=5)
    assert risks(checked(lab)) == ["no disruption budget"]


@pytest.mark.long
def test_the_patch_that_doctor_prints_makes_verdicts_surer(lab: Lab, usual_log: str, tmp_path: Path) -> None:
    lab.deploy(has_readiness=True)
    probe(lab, tmp_path, 3)
    before = checked(lab)
    assert "tier B at best" in "".join(words_of(before, "log", "note").values()), before
    change = next(each for each in before["changes"] if each["text"])
    patch = tmp_path / "access-log.patch.yaml"
    patch.write_text(change["text"], encoding="utf-8")
    lab.kubectl(
        "-n", "nginx-ingress", "patch", "configmap", "nginx-config", "--type", "merge", "--patch-file", str(patch)
    )
    # A log is read by the format of its first lines: this one begins anew.
    lab.kubectl("-n", "nginx-ingress", "rollout", "restart", "deployment/nginx-ingress")
    lab.kubectl("-n", "nginx-ingress", "rollout", "status", "deployment/nginx-ingress", "--timeout=60s")
    probe(lab, tmp_path, 5)
    after = checked(lab)
    assert "tier A at best" in "".join(words_of(after, "log", "ok").values()), after["checks"]
    assert not any(each["text"] for each in after["changes"])


def test_a_probe_finds_what_a_rollout_loses_and_each_request_by_its_id(
    lab: Lab, usual_log: str, tmp_path: Path
) -> None:
    lab.deploy(environment={"START_DELAY": "3s"}, retries=False)
    with_id = usual_log.replace('{"msec"', '{"http_x_request_id":"$http_x_request_id","msec"', 1)
    set_log(lab, with_id)
    time.sleep(4)  # the controller waits for more changes before it reloads nginx
    folder = tmp_path / "probed.zdtrace"
    load = (sys.executable, "-m", "zdtrace", "probe", URL, "--resolve", NODE_IP, "--rate", "100", "--for", "25s")
    what = ("-n", "default", "-l", "app=demo", "--ingress", "nginx-ingress", "--after", "3s")
    with lab.recording(folder, *what, "--", *load) as run:
        time.sleep(4)
        lab.kubectl("rollout", "restart", "deployment/demo")
        assert run.wait(120) == 1, "the probe lost nothing, so nothing is proven"
    requests = in_table(folder, "requests", "correlation_id, is_connection_reused")
    assert len(requests) == 2500
    ids = {request_id for request_id, _ in requests}
    assert len(ids) == 2500
    assert [is_reused for _, is_reused in requests].count(True) > 1000
    assert len(ids & {each for (each,) in in_table(folder, "proxy_requests", "correlation_id")}) > 2400
    said = lab.zdtrace("analyze", folder, "-o", "json", check=False)
    found = json.loads(said.stdout)
    assert found["requests"]["total"] == 2500
    assert found["requests"]["failed"] > 0
    causes = {each["cause"]: each["failed"] for each in found["causes"]}
    assert causes.get("unattributed", 0) == 0, found["sentence"]
    assert "A" in {tier for each in found["causes"] for tier in each["tiers"]}, found["causes"]
