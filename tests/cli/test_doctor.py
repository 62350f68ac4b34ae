"""`zdtrace doctor`: of a cluster beforehand, of a recording afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Protocol

import pytest
import yaml
from fake_api import FakeApi, pod, thing


class Run(Protocol):
    def __call__(self, *words: str | Path, env: dict[str, str] | None = None) -> CompletedProcess[str]: ...


@pytest.fixture
def fake() -> Iterator[FakeApi]:
    with FakeApi() as api:
        yield api


def line(**rest: str) -> str:
    values = {
        "msec": f"{datetime.now(UTC).timestamp():.3f}", "request_time": "0.010", "status": "200",
        "request": "GET /demo HTTP/1.1", "upstream_addr": "10.1.0.7:8080", "upstream_status": "200",
        "upstream_connect_time": "0.000", "upstream_response_time": "0.010", "connection_requests": "3", **rest,
    }
    return f"{datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {json.dumps(values)}"


def populate(fake: FakeApi) -> None:
    nginx = pod("nginx-1", "ingress", containers=[{
        "name": "nginx", "image": "nginx/nginx-ingress:5.0", "args": ["-nginx-configmaps=ingress/own-config"],
    }])
    state = [{"name": "nginx", "restartCount": 0, "state": {"running": {}}}]
    fake.put("pods", {**nginx, "status": {"containerStatuses": state}})
    fake.put("configmaps", thing("ConfigMap", "own-config", "ingress", data={"log-format": "x"}))
    template = {"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [{"name": "app"}]}}
    fake.put("deployments", thing("Deployment", "demo", spec={"replicas": 3, "template": template}))


def checked(zdtrace: Run, fake: FakeApi, folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    config = str(fake.kubeconfig(folder))
    done = zdtrace(
        "doctor", "--kubeconfig", config, "-n", "default", "--ingress", "ingress", "--for", "3s", "-o", "json", *words
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def words_of(found: dict[str, Any], area: str, state: str) -> dict[str, str]:
    chosen = [each for each in found["checks"] if (each["area"], each["state"]) == (area, state)]
    return {each["subject"]: each["words"] for each in chosen}


def test_a_cluster_where_the_evidence_will_be_there(zdtrace: Run, fake: FakeApi, tmp_path: Path) -> None:
    populate(fake)
    fake.write_log("nginx-1", *(line(http_x_request_id=f"run-{number}") for number in range(3)))
    code, found = checked(zdtrace, fake, tmp_path)
    assert code == 0, found
    assert "list, watch in default" in words_of(found, "rights", "ok")["pods"]
    assert "not installed" in words_of(found, "rights", "ok")["httproutes"]
    assert "tier A at best" in words_of(found, "log", "ok")["ingress/nginx-1"]
    assert "apiserver" in {each["subject"] for each in found["checks"] if each["area"] == "clocks"}
    assert len([each for each in found["checks"] if each["state"] == "risk"]) == 3
    assert found["changes"] == []


def test_a_log_without_what_is_needed_and_a_missing_right(zdtrace: Run, fake: FakeApi, tmp_path: Path) -> None:
    populate(fake)
    fake.refused = {"nodes", "nodes/proxy"}
    fake.write_log("nginx-1", *(line(upstream_addr="-") for _ in range(3)))
    code, found = checked(zdtrace, fake, tmp_path)
    assert code == 3
    assert "may not list and watch nodes" in words_of(found, "rights", "thin")["nodes"]
    assert "may not get nodes/proxy" in words_of(found, "rights", "note")["node settings"]
    assert "tier C at best" in words_of(found, "log", "thin")["ingress/nginx-1"]
    (change,) = found["changes"]
    assert change["command"].startswith("kubectl -n ingress patch configmap own-config --type merge")
    assert "upstream_addr" in yaml.safe_load(change["text"])["data"]["log-format"]


def test_a_log_that_says_nothing(zdtrace: Run, fake: FakeApi, tmp_path: Path) -> None:
    populate(fake)
    code, found = checked(zdtrace, fake, tmp_path)
    assert code == 3
    assert "no access-log line" in words_of(found, "log", "thin")["ingress/nginx-1"]


def test_a_recording_is_looked_at_too(zdtrace: Run, rollout: Path) -> None:
    done = zdtrace("doctor", rollout)
    assert done.returncode == 0, done.stderr
    assert "tier B at best" in " ".join(done.stdout.split())
    assert "RISK  deployment/demo" in done.stdout
    assert "log_format zdtrace escape=json" in done.stdout
    assert max(map(len, done.stdout.split("To change")[0].splitlines())) <= 80
    assert yaml.safe_load(zdtrace("doctor", rollout, "-o", "yaml").stdout)["evidence"] == "good"


def test_what_does_not_go_together_is_said(zdtrace: Run, rollout: Path) -> None:
    done = zdtrace("doctor", rollout, "-n", "default")
    assert done.returncode == 2
    assert "do not go together" in done.stderr


def test_a_cluster_that_does_not_answer_is_4(zdtrace: Run, fake: FakeApi, tmp_path: Path) -> None:
    config = json.loads(fake.kubeconfig(tmp_path).read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    done = zdtrace("doctor", "--kubeconfig", tmp_path / "kubeconfig")
    assert done.returncode == 4
    assert "does not answer" in done.stderr
