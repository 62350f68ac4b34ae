"""What the experiments of the corpus do to the lab's cluster, with the instants of each action's beginning and end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def kubectl(*words: str, stdin: str | None = None, check: bool = True) -> str:
    done = subprocess.run(["kubectl", *words], input=stdin, capture_output=True, text=True)
    if done.returncode and check:
        sys.exit(f"kubectl {' '.join(words)}: {done.stderr}")
    return done.stdout


def some_pod(count: int = 0) -> str:
    names = kubectl(
        "get",
        "pods",
        "-l",
        "app=demo",
        "--field-selector=status.phase=Running",
        "--sort-by=.metadata.creationTimestamp",
        "-o",
        "jsonpath={range .items[?(@.metadata.deletionTimestamp==null)]}{.metadata.name} {end}",
    ).split()
    if not names:
        names = kubectl("get", "pods", "-l", "app=demo", "-o", "jsonpath={.items[*].metadata.name}").split()
    return names[count % len(names)]


def on_pod(pod: str, *jsonpath: str) -> str:
    return kubectl("get", "pod", pod, "-o", f"jsonpath={jsonpath[0]}")


class Actions:
    """What is done, with the instants of its beginning and end; `pod` names whom it hit."""

    def __init__(self) -> None:
        self.done: list[dict[str, Any]] = []

    def act(self, action: dict[str, Any]) -> None:
        row: dict[str, Any] = {**action, "started_ns": time.time_ns()}
        self.done.append(row)
        getattr(self, action["do"].replace("-", "_"))(row)
        row["finished_ns"] = time.time_ns()

    def restart(self, row: dict[str, Any]) -> None:
        kubectl("rollout", "restart", "deployment/demo")

    def release(self, row: dict[str, Any]) -> None:
        env = [{"name": name, "value": value} for name, value in {"LOG_REQUESTS": "on", **row["env"]}.items()]
        container = {"name": "demo", "image": "lab.local/demo:v2", "env": env}
        kubectl(
            "patch",
            "deployment",
            "demo",
            "-p",
            json.dumps({"spec": {"template": {"spec": {"containers": [container]}}}}),
        )

    def scale(self, row: dict[str, Any]) -> None:
        kubectl("scale", "deployment/demo", f"--replicas={row['replicas']}")

    def hpa(self, row: dict[str, Any]) -> None:
        """An autoscaler whose maximum is below what runs acts without any metric."""
        kubectl(
            "create",
            "-f",
            "-",
            stdin=json.dumps(
                {
                    "apiVersion": "autoscaling/v2",
                    "kind": "HorizontalPodAutoscaler",
                    "metadata": {"name": "demo"},
                    "spec": {
                        "minReplicas": 1,
                        "maxReplicas": row["most"],
                        "metrics": [
                            {
                                "type": "Resource",
                                "resource": {
                                    "name": "cpu",
                                    "target": {"type": "Utilization", "averageUtilization": 80},
                                },
                            }
                        ],
                        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo"},
                    },
                }
            ),
        )

    def delete_pod(self, row: dict[str, Any]) -> None:
        row["pod"] = some_pod()
        kubectl("delete", "pod", row["pod"], "--wait=false")

    def evict(self, row: dict[str, Any]) -> None:
        row["pod"] = some_pod()
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": row["pod"], "namespace": "default"}}
        kubectl(
            "create",
            "--raw",
            f"/api/v1/namespaces/default/pods/{row['pod']}/eviction",
            "-f",
            "-",
            stdin=json.dumps(body),
        )

    def crash(self, row: dict[str, Any]) -> None:
        """End the container's first process by a signal that nobody handles."""
        row["pod"] = some_pod()
        subprocess.run(["kill", "-SEGV", str(process_of(row["pod"]))], check=True)

    def grow(self, row: dict[str, Any]) -> None:
        """Let the application of a pod take memory until its limit."""
        row["pod"] = some_pod()
        subprocess.run(["kill", "-USR1", str(process_of(row["pod"]))], check=True)

    def sicken(self, row: dict[str, Any]) -> None:
        """Let the liveness probe of a pod fail from now on."""
        row["pod"] = some_pod()
        subprocess.run(["kill", "-USR2", str(process_of(row["pod"]))], check=True)

    def drop(self, row: dict[str, Any]) -> None:
        row["pod"] = some_pod()
        row["ip"] = on_pod(row["pod"], "{.status.podIP}")
        for chain in ("OUTPUT", "FORWARD"):
            subprocess.run(
                ["iptables", "-I", chain, "-d", row["ip"], "-p", "tcp", "--dport", "8080", "-j", "DROP"], check=True
            )
        time.sleep(row["seconds"])
        for chain in ("OUTPUT", "FORWARD"):
            subprocess.run(
                ["iptables", "-D", chain, "-d", row["ip"], "-p", "tcp", "--dport", "8080", "-j", "DROP"], check=True
            )

    def route(self, row: dict[str, Any]) -> None:
        patch = [{"op": "replace", "path": "/spec/rules/0/http/paths/0/backend/service/name", "value": row["service"]}]
        kubectl("patch", "ingress", "demo", "--type=json", "-p", json.dumps(patch))

    def select(self, row: dict[str, Any]) -> None:
        kubectl("patch", "service", "demo", "-p", json.dumps({"spec": {"selector": {"app": row["app"]}}}))

    def restart_ingress(self, row: dict[str, Any]) -> None:
        kubectl("rollout", "restart", "-n", "nginx-ingress", "deployment/nginx-ingress")

    def delete_ingress(self, row: dict[str, Any]) -> None:
        kubectl("delete", "pod", "-n", "nginx-ingress", "-l", "app=nginx-ingress", "--wait=false")

    def bystander(self, row: dict[str, Any]) -> None:
        """Change nginx' configuration three times, five seconds apart; no pod of the demo ends."""
        for number in range(3):
            data = {"data": {"client-max-body-size": f"{number + 2}m"}}
            kubectl("patch", "configmap", "nginx-config", "-n", "nginx-ingress", "--type=merge", "-p", json.dumps(data))
            row.setdefault("changes_ns", []).append(time.time_ns())
            time.sleep(5)

    def drain(self, row: dict[str, Any]) -> None:
        row["node"] = on_pod(some_pod(), "{.spec.nodeName}") if "node" not in row else row["node"]
        kubectl(
            "drain",
            row["node"],
            "--ignore-daemonsets",
            "--force",
            "--delete-emptydir-data",
            "--pod-selector=app=demo",
            "--timeout=40s",
        )

    def uncordon(self, row: dict[str, Any]) -> None:
        for name in kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split():
            kubectl("uncordon", name)


def process_of(pod: str) -> int:
    """Return the process of a pod's demo container, as this node numbers it."""
    uid = on_pod(pod, "{.metadata.uid}")
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if uid in path.read_text() and (path.parent / "comm").read_text().strip() == "demo":
                return int(path.parent.name)
        except OSError:
            continue
    sys.exit(f"no process of {pod}")
