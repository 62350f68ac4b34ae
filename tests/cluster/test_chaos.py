"""Experiments on a real cluster: each action and its end, what is refused, what ends them, and `kill -9` at any moment.

The audit log is the witness of what was written, and by whom. ZDTRACE_KILLS says how often a run is killed (6).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from clusters import HOST, LAB, NODE_IP, Lab, documents, until
from recordings import in_table

TIMES = int(os.environ.get("ZDTRACE_KILLS", "6"))
CANARY = "nginx.ingress.kubernetes.io/canary"
AGENT = "OpenAPI-Generator"
"""How the client that zdtrace uses names itself in the audit log; kubectl and the controllers have other names."""
SECOND_NS = 1_000_000_000
Found = dict[str, Any]

# Runs zdtrace again and again, each time in a process of its own, without the seconds that Python takes to begin.
NURSERY = """
import os, sys
import zdtrace.cli.chaos, zdtrace.cli.experimenting, zdtrace.importers, zdtrace.importers.batch
import kubernetes.client, duckdb, polars
from zdtrace.cli import main
for line in sys.stdin:
    log, *words = line.rstrip("\\n").split("\\t")
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        sys.argv = ["zdtrace", *words]
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in (1, 2):
            os.dup2(file, number)
        os._exit(main() or 0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def demo(lab: Lab) -> Iterator[Lab]:
    """The demo, which drains and is ready when it says so, and is as it was afterwards."""
    lab.deploy(environment={"ON_TERM": "drain"}, has_readiness=True, prestop_s=3, retries=True)
    yield lab
    lab.kubectl("delete", "pdb", "--all", "--ignore-not-found")


def experiment(folder: Path, *actions: Any, **rest: Any) -> Path:
    found: Found = {
        "zdtrace": 1, "name": "lab", "target": {"workload": "deployment/demo", "namespace": "default"},
        "actions": list(actions), "steadyState": {"for": "2s"}, "observe": "2s",
        "abort": {"apiLostFor": "8s"}, "report": {"folder": str(folder / "runs"), "history": 0},
        "safety": {"namespaces": ["default"], "maxShare": "70%"},
    }
    for name, value in rest.items():
        found[name] = {**found[name], **value} if isinstance(found.get(name), dict) else value
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(found), encoding="utf-8")
    return path


def probe(rate: float = 50) -> Found:
    return {"probe": {"url": f"http://{HOST}/demo", "rate": rate, "resolve": NODE_IP, "timeout": "5s"}}


def get(lab: Lab, *words: str) -> Found:
    found: Found = json.loads(lab.kubectl("get", *words, "-o", "json"))
    return found


def template(lab: Lab) -> Found:
    found: Found = get(lab, "deployment/demo")["spec"]
    annotations = found["template"]["metadata"].get("annotations") or {}
    annotations.pop("kubectl.kubernetes.io/restartedAt", None)
    if not annotations:
        found["template"]["metadata"].pop("annotations", None)
    return found


def result(said: subprocess.CompletedProcess[str]) -> Found:
    assert said.stdout, said.stderr
    found: Found = json.loads(said.stdout)
    return found


def written(lab: Lab, since: int) -> set[tuple[str, str, str, str]]:
    """What zdtrace wrote since an offset of the audit log: verb, resource, namespace, name. Dry runs write nothing.

    Its leases and Events are left out where they are where they belong.
    """
    with lab.audit_log.open("rb") as file:
        file.seek(since)
        lines = [json.loads(line) for line in file if line.endswith(b"\n")]
    found = {
        (
            line["verb"], "/".join(filter(None, (line["objectRef"]["resource"], line["objectRef"].get("subresource")))),
            line["objectRef"].get("namespace", ""), line["objectRef"].get("name", ""),
        )
        for line in lines
        if line.get("userAgent", "").startswith(AGENT) and "dryRun" not in line["requestURI"]
        and line.get("responseStatus", {}).get("code", 500) < 300
    }
    return {
        each for each in found
        if each[:3] != ("create", "events", "default") and not (
            each[1:3] == ("leases", "default") and (each[0] == "create" or each[3].startswith("zdtrace-chaos-"))
        )
    }


def audited(lab: Lab) -> int:
    return lab.audit_log.stat().st_size


def test_what_is_done_is_undone_and_nothing_else_is_touched(demo: Lab, tmp_path: Path) -> None:
    demo.kubectl("create", "service", "clusterip", "demo-next", "--tcp=80:8080")
    demo.kubectl("patch", "service", "demo-next", "-p", '{"spec": {"selector": {"app": "demo"}}}')
    before, route = template(demo), get(demo, "ingress/demo")["spec"]
    since = audited(demo)
    file = experiment(
        tmp_path,
        {"scale": {"by": 1, "pause": "1s"}},
        {"changeTemplate": {"image": "lab.local/demo:v2", "pause": "1s"}},
        {"switchBackend": {"ingress": "demo", "from": "demo", "to": "demo-next", "pause": "2s"}},
        {"deletePods": {"count": 1, "pause": "4s"}},
        {"evictPods": {"count": 1, "pause": "4s"}},
        {"killContainer": {"container": "demo", "pause": "4s"}},
        {"restartIngress": {"mode": "reload", "pause": "2s"}},
        "rolloutRestart",
        ingress=[{"namespace": "nginx-ingress", "workload": "deployment/nginx-ingress"}], load=probe(),
        safety={"namespaces": ["default", "nginx-ingress"]},
    )
    try:
        said = demo.zdtrace("chaos", "run", file, "--yes", timeout=400, check=False)
        found = result(said)
        assert (found["state"], found["is_undone"]) == ("finished", True), said.stderr
        assert template(demo) == before
        assert get(demo, "ingress/demo")["spec"] == route
    finally:
        demo.kubectl("delete", "service", "demo-next")
    pods = {name for verb, resource, home, name in written(demo, since) if resource.startswith("pods")}
    others = {each for each in written(demo, since) if not each[1].startswith("pods")}
    assert others == {
        ("patch", "deployments", "default", "demo"), ("patch", "ingresses", "default", "demo"),
    }
    assert all(name.startswith("demo-") for name in pods), pods
    labels = [label for (label,) in in_table(Path(found["recording"]), "marks", "label")]
    assert sum(label.startswith("chaos: undid") for label in labels) == 3, labels
    assert {label.split()[1] for label in labels if label.startswith("chaos: ")} >= {
        "scale", "changeTemplate", "switchBackend", "deletePods", "evictPods", "killContainer", "restartIngress",
        "rolloutRestart",
    }
    events = get(demo, "events", "--field-selector", "involvedObject.name=demo,involvedObject.kind=Deployment")["items"]
    assert {"ChaosStarted", "ChaosActed", "ChaosUndone", "ChaosFinished"} <= {each["reason"] for each in events}
    assert (Path(found["recording"]).with_suffix(".html")).is_file()
    assert demo.zdtrace("chaos", "list", tmp_path / "runs").returncode == 0


def test_a_disruption_budget_refuses_in_the_plan_and_at_the_api(demo: Lab, tmp_path: Path) -> None:
    demo.kubectl("create", "pdb", "demo", "--selector=app=demo", "--min-available=3")
    until(lambda: get(demo, "pdb/demo").get("status", {}).get("expectedPods") == 3, 30)
    before = {each["metadata"]["uid"] for each in get(demo, "pods", "-l", "app=demo")["items"]}
    for action in ("deletePods", "evictPods"):
        since = audited(demo)
        said = demo.zdtrace("chaos", "run", experiment(tmp_path, action), "--yes", check=False)
        assert said.returncode == 2
        assert "the disruption budget demo allows 0 disruptions now, and 1 are planned" in said.stderr
        assert written(demo, since) == set()
    # One that comes up after the plan: the API itself says no.
    code = """
import sys
from zdtrace.chaos.actions.base import Hands
from zdtrace.chaos.actions.evict_pods import evict
from zdtrace.chaos.cluster import Cluster, ref_of
from zdtrace.collectors.api import Access, connect
cluster = Cluster(connect(Access()))
pod = next(each for each in cluster.every("Pod", "default", labels="app=demo"))
evict(Hands(cluster=cluster), ref_of(pod, "Pod"), None, 0.0)
"""
    said = demo.run(sys.executable, "-c", code, check=False)
    assert "its disruption budget forbade it" in said.stderr
    assert {each["metadata"]["uid"] for each in get(demo, "pods", "-l", "app=demo")["items"]} == before


@pytest.mark.long
def test_a_burnt_budget_ends_it_within_a_second_and_the_release_is_rolled_back(demo: Lab, tmp_path: Path) -> None:
    before = template(demo)
    bad = {"spec": {"containers": [{"name": "demo", "env": [{"name": "FAIL_CODE", "value": "500"}]}]}}
    file = experiment(
        tmp_path, {"changeTemplate": {"template": bad, "pause": "60s"}}, load=probe(100),
        abort={"failedRequests": 20, "over": "30s", "apiLostFor": "8s"},
    )
    said = demo.zdtrace("chaos", "run", file, "--yes", timeout=300, check=False)
    found = result(said)
    assert (found["state"], said.returncode) == ("aborted", 1), said.stderr
    assert "requests failed within 30 s; 20 are the limit" in found["reason"]
    recording = Path(found["recording"])
    requests = in_table(recording, "requests", "ended_at_ns, status")
    failed = sorted(ended for ended, status in requests if status is None or status >= 500)
    marks = in_table(recording, "marks", "started_at_ns, ended_at_ns, label")
    (aborted,) = [began for began, _, label in marks if label.startswith("chaos: aborted")]
    assert 0 <= aborted - failed[19] < SECOND_NS
    (undone,) = [ended for _, ended, label in marks if label.startswith("chaos: undid")]
    assert undone - aborted < 2 * SECOND_NS
    demo.kubectl("rollout", "status", "deployment/demo", "--timeout=120s")
    assert template(demo) == before
    assert demo.zdtrace("analyze", recording, "-o", "json", check=False).returncode == 1


@pytest.mark.long
def test_a_node_is_drained_when_there_is_another_and_else_refused(demo: Lab, tmp_path: Path) -> None:
    nodes = [each["metadata"]["name"] for each in get(demo, "nodes")["items"]]
    file = experiment(
        tmp_path, {"drainNode": {"node": nodes[-1], "within": "60s"}}, safety={"nodes": [nodes[-1]], "maxShare": 1},
    )
    said = demo.zdtrace("chaos", "run", file, "--yes", timeout=300, check=False)
    if len(nodes) == 1:
        assert said.returncode == 2
        assert "there is no other node that could take the pods of node/node1" in said.stderr
    else:
        found = result(said)
        assert (found["state"], found["is_undone"]) == ("finished", True), said.stderr
        assert f"cordoned node/{nodes[-1]}" in found["did"]
    assert not [each for each in get(demo, "nodes")["items"] if each["spec"].get("unschedulable")]


@pytest.fixture
def others(lab: Lab) -> Iterator[Lab]:
    """A StatefulSet and a DaemonSet of the demo's pods, and Ingresses of two releases."""
    text = lab.kubectl("create", "--dry-run=client", "-o", "json", "-f", str(LAB / "manifests" / "demo.yaml"))
    spec = next(each for each in documents(text) if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    spec["containers"][0]["env"] = [{"name": "ON_TERM", "value": "drain"}]
    made: list[Found] = []
    for kind, name, rest in (
        ("StatefulSet", "demo-set", {"replicas": 2, "serviceName": "demo-set"}), ("DaemonSet", "demo-daemon", {}),
        ("Deployment", "demo-next", {"replicas": 1}),
    ):
        template = {"metadata": {"labels": {"app": name}}, "spec": spec}
        made.append({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
            "spec": {**rest, "selector": {"matchLabels": {"app": name}}, "template": template},
        })
    made.append({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "demo-next"},
        "spec": {"selector": {"app": "demo-next"}, "ports": [{"port": 80, "targetPort": 8080}]},
    })
    for name, notes in (
        ("blue", {}), ("green", {}),
        ("canary", {f"{CANARY}": "true", f"{CANARY}-weight": "5"}),
    ):
        backend = {"service": {"name": "demo", "port": {"number": 80}}}
        made.append({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "annotations": notes},
            "spec": {"ingressClassName": "nginx", "rules": [{
                "host": f"{name}.{HOST}",
                "http": {"paths": [{"path": "/demo", "pathType": "Prefix", "backend": backend}]},
            }]},
        })
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    lab.kubectl("apply", "-f", "-", stdin=text)
    for each in ("statefulset/demo-set", "daemonset/demo-daemon", "deployment/demo-next"):
        lab.kubectl("rollout", "status", each, "--timeout=90s")
    yield lab
    lab.kubectl("delete", "-f", "-", "--wait=false", stdin=text)


@pytest.mark.long
@pytest.mark.parametrize("target", ["statefulset/demo-set", "daemonset/demo-daemon"])
def test_stateful_sets_and_daemon_sets_are_targets_too(others: Lab, tmp_path: Path, target: str) -> None:
    before, since = get(others, target)["spec"], audited(others)
    actions: list[Any] = [
        {"changeTemplate": {"image": "lab.local/demo:v2", "pause": "1s"}}, {"deletePods": {"pause": "1s"}},
        {"evictPods": {"pause": "1s"}}, {"rolloutRestart": {"pause": "1s"}},
    ]
    if target.startswith("stateful"):
        actions.append({"scale": {"by": 1, "pause": "1s"}})
    file = experiment(
        tmp_path, *actions, target={"workload": target}, safety={"minReady": 0, "maxShare": "100%"},
    )
    said = others.zdtrace("chaos", "run", file, "--yes", timeout=400, check=False)
    found = result(said)
    assert (found["state"], found["is_undone"]) == ("finished", True), said.stderr
    after = get(others, target)["spec"]
    annotations = after["template"]["metadata"].pop("annotations")
    assert list(annotations) == ["kubectl.kubernetes.io/restartedAt"], "a restart stays, as kubectl's does"
    after["template"]["metadata"]["creationTimestamp"] = before["template"]["metadata"].get("creationTimestamp")
    before["template"]["metadata"].setdefault("creationTimestamp", None)
    assert after == before
    kind, _, name = target.partition("/")
    changed = {each for each in written(others, since) if not each[1].startswith("pods")}
    assert changed == {("patch", f"{kind}s", "default", name)}
    assert all(name in each[3] for each in written(others, since)), written(others, since)


@pytest.mark.long
def test_two_releases_are_switched_a_canary_weighed_and_the_ingress_restarted(others: Lab, tmp_path: Path) -> None:
    """Switched: what a request to each host gets comes from the other release's pod meanwhile."""
    others.deploy(environment={"ON_TERM": "drain"}, has_readiness=True, prestop_s=3)
    routes = {name: get(others, f"ingress/{name}") for name in ("blue", "green", "canary")}
    controller, since = get(others, "deployment/nginx-ingress", "-n", "nginx-ingress")["spec"], audited(others)
    file = experiment(
        tmp_path,
        {"switchBackend": {"ingresses": ["blue", "green"], "from": "demo", "to": "demo-next", "pause": "6s"}},
        {"canaryWeight": {"ingress": "canary", "weight": 50, "pause": "2s"}},
        {"restartIngress": {"mode": "restart", "pause": "2s"}},
        ingress=[{"namespace": "nginx-ingress", "workload": "deployment/nginx-ingress"}],
        load={"probe": {**probe(30)["probe"], "url": f"http://blue.{HOST}/demo"}},
        safety={"namespaces": ["default", "nginx-ingress"]}, steadyState={"failedRatio": "50%"},
    )
    said = others.zdtrace("chaos", "run", file, "--yes", timeout=400, check=False)
    found = result(said)
    assert (found["state"], found["is_undone"]) == ("finished", True), said.stderr
    for name, before in routes.items():
        after = get(others, f"ingress/{name}")
        assert (after["spec"], after["metadata"]["annotations"]) == (before["spec"], before["metadata"]["annotations"])
    after = get(others, "deployment/nginx-ingress", "-n", "nginx-ingress")["spec"]
    assert after["template"]["metadata"]["annotations"].pop("kubectl.kubernetes.io/restartedAt")
    assert after["template"]["spec"] == controller["template"]["spec"]
    assert written(others, since) == {
        *(("patch", "ingresses", "default", name) for name in routes),
        ("patch", "deployments", "nginx-ingress", "nginx-ingress"),
    }
    pods = {each["status"]["podIP"] for each in get(others, "pods", "-l", "app=demo-next")["items"]}
    lines = in_table(Path(found["recording"]), "proxy_requests", "upstream_addresses")
    asked = {str(address) for line in lines for address in line}
    assert any(pod in each for pod in pods for each in asked), (pods, list(asked)[:10])


@pytest.mark.long
def test_whenever_it_is_killed_its_journal_puts_everything_back(demo: Lab, tmp_path: Path) -> None:
    """Also while the API server begins anew. What was never opted in is never written to."""
    demo.kubectl("create", "service", "clusterip", "demo-next", "--tcp=80:8080")
    demo.kubectl("patch", "service", "demo-next", "-p", '{"spec": {"selector": {"app": "demo"}}}')
    before, route = template(demo), get(demo, "ingress/demo")["spec"]
    nodes = [each["metadata"]["name"] for each in get(demo, "nodes")["items"]]
    moments = random.Random(20_262)  # noqa: S311 - the same moments each time
    actions: list[Any] = [
        {"scale": {"by": 1, "pause": "300ms"}},
        {"switchBackend": {"ingress": "demo", "from": "demo", "to": "demo-next", "pause": "300ms"}},
        {"changeTemplate": {"image": "lab.local/demo:v2", "pause": "300ms"}}, {"deletePods": {"pause": "300ms"}},
        {"rolloutRestart": {"pause": "300ms"}},
    ]
    if len(nodes) > 1:
        actions.append({"drainNode": {"node": nodes[-1], "within": "30s", "pause": "300ms"}})

    def file_of(number: int) -> Path:
        """The same actions, in another order."""
        folder = tmp_path / f"{number}"
        folder.mkdir()
        return experiment(
            folder, *moments.sample(actions, len(actions)), steadyState={"for": "100ms", "failedRatio": "100%"},
            observe="300ms", safety={"minReady": 0, "maxShare": "100%", "nodes": nodes[1:]}, load=probe(20),
        )

    since, states, undone = audited(demo), [], []
    how: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": tmp_path}
    try:
        with demo.start(sys.executable, "-c", NURSERY, **how) as nursery:
            orders, answers = nursery.stdin, nursery.stdout
            assert orders is not None
            assert answers is not None

            def begin(log: Path, *words: str) -> str:
                orders.write("\t".join([str(log), *words]) + "\n")
                orders.flush()
                answer: str = answers.readline()
                return answer.strip()

            for number in range(TIMES):
                folder, log = tmp_path / f"runs-{number}", tmp_path / f"{number}.log"
                words = ("chaos", "run", str(file_of(number)), "--yes", "--folder", str(folder))
                child = begin(log, *words)
                until(lambda folder=folder: list(folder.glob("*.journal")), 90)  # type: ignore[misc]
                # From before the first action to the middle of some rollout, and sometimes to the end.
                time.sleep(moments.uniform(0.0, 20.0))
                if number % 5 == 4:
                    demo.part("restart", "kube-apiserver")
                    time.sleep(moments.uniform(0.0, 1.0))
                subprocess.run(["kill", "-9", child], check=False, capture_output=True)
                answers.readline()
                (journal,) = folder.glob("*.journal")
                lines = [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")]
                states.append("closed" if "closed" in lines[-1] else f"{sum('begins' in each for each in lines)} begun")
                begin(log, "chaos", "undo", str(journal))
                code = int(answers.readline())
                undone.append(code)
                assert code == 0, log.read_text()[-3000:]
                assert template(demo) == before, (number, states)
                assert get(demo, "ingress/demo")["spec"] == route
                cordoned = [each for each in get(demo, "nodes")["items"] if each["spec"].get("unschedulable")]
                assert not cordoned, (number, states)
                demo.kubectl("rollout", "status", "deployment/demo", "--timeout=120s")
            orders.close()
    finally:
        demo.kubectl("delete", "service", "demo-next", "--ignore-not-found")
    assert len({each for each in states if each != "closed"}) > 1, f"killed at one moment only: {states}"
    touched = {(resource, home, name) for _, resource, home, name in written(demo, since)}
    assert {each for each in touched if not each[0].startswith("pods")} <= {
        ("deployments", "default", "demo"), ("ingresses", "default", "demo"), ("nodes", "", nodes[-1]),
    }
    assert all(home == "default" and name.startswith("demo-") for resource, home, name in touched if resource == "pods")
    print(f"killed {TIMES} times: {states}; written to: {sorted(touched)}")
