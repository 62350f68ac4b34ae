"""The Job and the CronJob of deploy/, changed as deploy/README.md says, record inside the cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from clusters import LAB, Lab, until
from recordings import in_table

DEPLOY = LAB.parents[1] / "deploy"
USER = 65532
SECOND_NS = 1_000_000_000


@pytest.fixture
def volume(lab: Lab) -> Iterator[Path]:
    """A folder of the node as the volume that the claim of deploy/base gets."""
    folder = lab.state / "recordings"
    folder.mkdir()
    os.chown(folder, USER, USER)
    lab.kubectl("apply", "-f", "-", stdin=json.dumps({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "recordings"},
        "spec": {
            "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": str(folder)},
            "persistentVolumeReclaimPolicy": "Retain",
        },
    }))
    yield folder
    lab.kubectl("delete", "pv", "recordings", "--wait=false")
    shutil.rmtree(folder)


def adapted(lab: Lab, folder: Path, kind: str, image: str, lasts: str) -> Path:
    """Copy deploy/ and change what its README tells to change; returns what to apply."""
    shutil.copytree(DEPLOY, folder)
    name, _, tag = image.partition(":")
    kustomization = folder / kind / "kustomization.yaml"
    found = yaml.safe_load(kustomization.read_text())
    found["images"] = [{"name": "zdtrace", "newName": name, "newTag": tag}]
    kustomization.write_text(yaml.safe_dump(found))
    manifest = folder / kind / f"{kind}.yaml"
    text = manifest.read_text()
    assert "--ingress=ingress-nginx" in text
    assert "--for=10m" in text
    text = text.replace("--ingress=ingress-nginx", "--ingress=nginx-ingress").replace("--for=10m", f"--for={lasts}")
    manifest.write_text(text)
    rights = lab.zdtrace("rbac", "-n", "default", "--ingress", "nginx-ingress", "--name", "zdtrace")
    (folder / "base" / "rbac.yaml").write_text(rights.stdout)
    return folder / kind


@pytest.fixture
def applied(lab: Lab, tmp_path: Path) -> Iterator[list[Path]]:
    """What was applied, to be removed again."""
    every: list[Path] = []
    yield every
    for each in every:
        lab.kubectl("delete", "-k", str(each), "--ignore-not-found", "--timeout=60s")


def adapted_experiment(lab: Lab, folder: Path, image: str) -> Path:
    """Copy deploy/chaos and change what its README tells to change; the lab has no DNS, and no hours."""
    shutil.copytree(DEPLOY / "chaos", folder)
    name, _, tag = image.partition(":")
    kustomization = folder / "kustomization.yaml"
    found = yaml.safe_load(kustomization.read_text())
    found["images"] = [{"name": "zdtrace", "newName": name, "newTag": tag}]
    kustomization.write_text(yaml.safe_dump(found))
    file = folder / "experiment.yaml"
    experiment = yaml.safe_load(file.read_text())
    assert experiment["ingress"] == ["ingress-nginx"]
    assert experiment["safety"].pop("quietHours")
    experiment["ingress"] = ["nginx-ingress"]
    experiment["load"]["probe"]["url"] = experiment["load"]["probe"]["url"].replace("demo.default.svc", "198.19.0.80")
    file.write_text(yaml.safe_dump(experiment))
    words = ("--chaos", "--name", "zdtrace-chaos", "--service-account", "zdtrace-chaos")
    rights = lab.zdtrace("rbac", "-n", "default", "--ingress", "nginx-ingress", *words)
    (folder / "rbac.yaml").write_text(rights.stdout)
    return folder


def state_of(lab: Lab, job: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(lab.kubectl("get", "job", job, "-o", "json"))["status"]
    return found


def talk_of(lab: Lab, job: str) -> str:
    """What the Job's pod says, or why it says nothing."""
    said = lab.run("kubectl", "logs", f"job/{job}", check=False)
    return said.stdout + said.stderr + lab.kubectl("get", "events", "--sort-by=.lastTimestamp")[-2000:]


def roll_out(lab: Lab, folder: Path) -> None:
    """Roll out with requests on the way."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    with lab.start(*lab.load(12, qps=50, connections=4), **quiet) as load:
        time.sleep(2)
        lab.kubectl("rollout", "restart", "deployment/demo")
        lab.kubectl("rollout", "status", "deployment/demo", "--timeout=60s")
        load.wait(60)


def assert_recorded(lab: Lab, recording: Path) -> None:
    """All that belongs is in it, written by the user that the manifest names, and it opens."""
    kinds = {kind for (kind,) in in_table(recording, "objects", "kind")}
    assert {"Pod", "ReplicaSet", "Deployment", "Service", "EndpointSlice", "Event", "Node", "Lease"} <= kinds
    # A busy API server ends the watch of who reads too slowly; it goes on where it was.
    gaps = in_table(recording, "gaps", "subject, reason, until_ns - from_ns")
    assert [each for each in gaps if each[2] is None or each[2] > SECOND_NS] == []
    assert len(in_table(recording, "proxy_requests", "line")) > 300
    assert {path.stat().st_uid for path in recording.rglob("*")} == {USER}
    assert lab.zdtrace("doctor", recording, check=False).returncode in (0, 3)


@pytest.mark.long
def test_the_job_records_a_rollout(lab: Lab, image: str, volume: Path, applied: list[Path], tmp_path: Path) -> None:
    lab.deploy(has_readiness=True)
    applied.append(adapted(lab, tmp_path / "deploy", "job", image, "30s"))
    lab.kubectl("apply", "-k", str(applied[0]))
    until(lambda: "recording default into" in talk_of(lab, "zdtrace-record"), 60)
    roll_out(lab, tmp_path)
    until(lambda: "succeeded" in state_of(lab, "zdtrace-record") or "failed" in state_of(lab, "zdtrace-record"), 90)
    assert state_of(lab, "zdtrace-record").get("succeeded") == 1, talk_of(lab, "zdtrace-record")
    assert "missing" not in talk_of(lab, "zdtrace-record")
    (recording,) = volume.glob("zdtrace-record-*.zdtrace")
    assert_recorded(lab, recording)


@pytest.mark.long
def test_the_cron_job_records_too_and_its_end_closes_the_recording(
    lab: Lab, image: str, volume: Path, applied: list[Path], tmp_path: Path
) -> None:
    lab.deploy(has_readiness=True)
    applied.append(adapted(lab, tmp_path / "deploy", "cronjob", image, "10m"))
    lab.kubectl("apply", "-k", str(applied[0]))
    lab.kubectl("create", "job", "--from=cronjob/zdtrace-record", "now")
    until(lambda: "recording default into" in talk_of(lab, "now"), 60)
    roll_out(lab, tmp_path)
    # SIGTERM, as a node that is drained sends it: the recording is closed, not repaired later.
    lab.kubectl("delete", "job", "now", "--cascade=foreground", "--timeout=60s")
    (recording,) = volume.glob("now-*.zdtrace")
    assert not (recording / "journal").exists()
    assert_recorded(lab, recording)


@pytest.mark.long
def test_the_cron_job_of_experiments_runs_one_with_its_own_rights_and_writes_no_more_than_it_says(
    lab: Lab, image: str, volume: Path, applied: list[Path], tmp_path: Path
) -> None:
    lab.deploy(environment={"ON_TERM": "drain"}, has_readiness=True, prestop_s=5)
    lab.kubectl("label", "deployment/demo", "zdtrace.io/chaos=enabled")
    applied.append(adapted_experiment(lab, tmp_path / "chaos", image))
    since = lab.audit_log.stat().st_size
    lab.kubectl("apply", "-k", str(applied[0]))
    lab.kubectl("create", "job", "--from=cronjob/zdtrace-chaos", "now")
    until(lambda: {"succeeded", "failed"} & set(state_of(lab, "now")), 240)
    assert state_of(lab, "now").get("succeeded") == 1, talk_of(lab, "now")
    (line,) = [json.loads(each) for each in (volume / "runs.ndjson").read_text().splitlines()]
    assert (line["state"], line["verdict"], line["is_undone"], line["failed"]) == ("finished", "pass", True, 0)
    assert line["requests"] > 1000
    pages = {path.name for path in volume.glob("*.html")}
    assert pages == {f"{line['id']}.html", "delete-one-pod-history.html"}
    assert "zdtrace_chaos" in (volume / "zdtrace.prom").read_text()
    with lab.audit_log.open("rb") as file:
        file.seek(since)
        lines = [json.loads(each) for each in file if each.endswith(b"\n")]
    account = "system:serviceaccount:default:zdtrace-chaos"
    written = [each for each in lines if each["user"]["username"] == account and "dryRun" not in each["requestURI"]]
    refused = [each["requestURI"] for each in written if each["responseStatus"]["code"] == 403]
    assert refused == []
    touched = {(each["verb"], each["objectRef"]["resource"], each["objectRef"]["namespace"]) for each in written}
    assert touched == {
        ("delete", "pods", "default"), ("create", "events", "default"),
        *((verb, "leases", "default") for verb in ("create", "update", "delete")),
    }
    (deleted,) = [each["objectRef"]["name"] for each in written if each["objectRef"]["resource"] == "pods"]
    assert deleted.startswith("demo-")
    lab.kubectl("delete", "job", "now", "--cascade=foreground", "--timeout=60s")
