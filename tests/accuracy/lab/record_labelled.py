"""Runs experiments of the corpus in the lab: `record_labelled.py FOLDER NAME...`; each gets a folder below FOLDER.

Beside what `run-scenario` records, a packet capture and conntrack's list of new connections are kept: see `wire`.
Runs itself inside the lab's node; needs tcpdump, and vegeta on PATH or in $LAB_TOOLS. Where several labs share a
machine, $LAB_LOCK names a file that is locked for minutes at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LAB = Path(os.environ.get("LAB_HOME", HERE.parents[1] / "lab"))
sys.path.insert(0, str(HERE))
from experiments import EXPERIMENTS  # noqa: E402
from lab_actions import Actions, kubectl  # noqa: E402

loader = importlib.machinery.SourceFileLoader("run_scenario", str(LAB / "run-scenario"))
lab: Any = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_scenario", loader))  # type: ignore[arg-type]
loader.exec_module(lab)
lab.WATCHES |= {
    "nodes": "/api/v1/nodes",
    "hpas": "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    "ingress-pods": "/api/v1/namespaces/nginx-ingress/pods",
    "ingress-events": "/api/v1/namespaces/nginx-ingress/events",
    "configmaps": "/api/v1/namespaces/nginx-ingress/configmaps",
}
class Recorder(lab.Recorder):  # type: ignore[misc]
    """Also holds the logs of ingress controllers open: kubelet removes a log with its pod."""

    def __init__(self, out: str, state: str) -> None:
        self.ingress_logs: dict[str, Any] = {}
        super().__init__(out, state)
        self.ingress_start: int = self.starts["ingress"]

    def keep_apps(self) -> None:
        """Look for new logs until the end."""
        follower = threading.Thread(target=super().keep_apps, daemon=True)
        follower.start()
        while not self.stop.wait(0.05):
            for path in Path(self.state).glob("node1/log/pods/nginx-ingress_*/nginx-ingress/*.log"):
                if str(path) not in self.ingress_logs:
                    with contextlib.suppress(OSError):
                        self.ingress_logs[str(path)] = path.open(errors="replace")
        follower.join()

    def slice(self, path: str, start: int) -> str:
        """Return what was written to a log since `start`; to the ingress controllers' all that came later."""
        if path != self.ingress:
            return str(super().slice(path, start))
        for name, file in self.ingress_logs.items():
            file.seek(start if name == path else 0)
        later = [name for name in self.ingress_logs if name != path and self.is_new(name)]
        return "".join(self.ingress_logs[name].read() for name in [path, *later])

    def is_new(self, name: str) -> bool:
        """Tell whether a log began after the first one of this recording."""
        def first(path: str) -> str:
            self.ingress_logs[path].seek(0)
            return str(self.ingress_logs[path].readline()[:30])

        is_later = first(name) > first(self.ingress)
        self.ingress_logs[name].seek(0)
        self.ingress_logs[self.ingress].seek(self.ingress_start)
        return is_later


PLAIN = {
    "main-snippets": "load_module modules/ngx_stream_module.so;",
    "http-snippets": None,
    "location-snippets": None,
    "keepalive": None,
    "proxy-read-timeout": None,
    "log-format": None,
}
IDS = ',"http_x_vegeta_attack":"$http_x_vegeta_attack","http_x_vegeta_seq":"$http_x_vegeta_seq"'
TURN_S = 500
"""After this long other labs get their turn."""
RETRY_OFF = "proxy_next_upstream off;"


def documents() -> dict[str, Any]:
    text = kubectl("create", "--dry-run=client", "-o", "json", "-f", str(LAB / "manifests" / "demo.yaml"))
    decoder, at, found = json.JSONDecoder(), 0, {}
    while at < len(text.rstrip()):
        item, end = decoder.raw_decode(text[at:])
        at += end + 1
        for each in item.get("items", [item]):
            found[each["kind"]] = each
    return found


def deploy(experiment: dict[str, Any], log_format: str) -> Any:
    """Bring demo, service, ingress and nginx to the experiment's shape and wait until all serves."""
    every = documents()
    demo = every["Deployment"]
    demo["spec"]["replicas"] = experiment.get("replicas", 3)
    demo["spec"] |= {"strategy": experiment["strategy"]} if "strategy" in experiment else {}
    pod = demo["spec"]["template"]["spec"]
    container = pod["containers"][0]
    env = {"LOG_REQUESTS": "on", **experiment.get("env", {})}
    container["env"] = [{"name": name, "value": value} for name, value in env.items()]
    if experiment.get("readiness"):
        container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
    if experiment.get("liveness"):
        container["livenessProbe"] = {
            "httpGet": {"path": "/live", "port": 8080},
            "periodSeconds": 1,
            "failureThreshold": 2,
        }
    if hook := experiment.get("prestop"):
        command = (
            ["sh", "-c", f"wget -q -O- http://127.0.0.1:8080/stop; sleep {hook['then']}"]
            if isinstance(hook, dict)
            else hook
        )
        container["lifecycle"] = {"preStop": {"exec": {"command": command}}}
    if "grace" in experiment:
        pod["terminationGracePeriodSeconds"] = experiment["grace"]
    if "limits" in experiment:
        container["resources"] = {"limits": experiment["limits"]}
    kubectl("delete", "hpa", "--all")
    kubectl("delete", "deployment", "demo", "bystander", "--ignore-not-found", "--cascade=foreground")
    kubectl("replace", "-f", "-", stdin=json.dumps(every["Ingress"]))
    kubectl("patch", "service", "demo", "-p", json.dumps({"spec": {"selector": {"app": "demo"}}}))
    kubectl("create", "-f", "-", stdin=json.dumps(demo))
    kubectl("rollout", "status", "deployment/demo", "--timeout=90s")
    wanted: dict[str, Any] = {**PLAIN, **experiment.get("nginx", {})}
    if not experiment.get("retry"):
        wanted["http-snippets"] = RETRY_OFF + " " + (wanted["http-snippets"] or "")
    # The oracle needs the ids; `pack` takes them out where the experiment says that nginx logs none.
    wanted["log-format"] = log_format.replace(',"request":', IDS + ',"request":')
    kubectl(
        "patch", "configmap", "nginx-config", "-n", "nginx-ingress", "--type=merge", "-p", json.dumps({"data": wanted})
    )
    time.sleep(5)
    return demo


def load_command(experiment: dict[str, Any], out: Path) -> tuple[list[str], str | None]:
    """Return the load test's command, and what it reads."""
    host = lab.NODE_IP if experiment.get("via", "ingress") == "ingress" else lab.SERVICE_IP
    path = "/demo" + experiment.get("path", "")
    seconds, qps = experiment.get("seconds", 16), experiment.get("qps", 150)
    connections, timeout = experiment.get("connections", 50), experiment.get("timeout", "15s")
    tool = experiment.get("tool", "vegeta")
    kept = experiment.get("keepalive", True)
    if tool == "fortio":
        url = f"http://example.com{path}" if host == lab.NODE_IP else f"http://{host}{path}"
        command = [
            "fortio",
            "load",
            "-c",
            str(connections),
            "-qps",
            str(qps),
            "-t",
            f"{seconds}s",
            "-timeout",
            timeout,
            *([] if experiment.get("bursts") else ["-uniform"]),
            "-allow-initial-errors",
            "-json",
            str(out / "fortio.json"),
            "-access-log-file",
            str(out / "fortio.ndjson"),
            "-access-log-format",
            "json",
        ]
        command += [] if kept else ["-keepalive=false"]
        return command + (["-resolve", host] if host == lab.NODE_IP else []) + [url], None
    method = experiment.get("method", "GET")
    target = {"method": method, "url": f"http://{host}{path}", "header": {"Host": ["example.com"]}}
    return [
        "vegeta",
        "attack",
        "-name",
        "corpus",
        "-format",
        "json",
        "-rate",
        str(qps),
        "-duration",
        f"{seconds}s",
        "-timeout",
        timeout,
        "-connections",
        str(connections),
        f"-keepalive={str(kept).lower()}",
        "-max-workers",
        "2000",
        "-output",
        str(out / "vegeta.bin"),
    ], json.dumps(target)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep other loads off the machine."""
    with Path(os.environ.get("LAB_LOCK", "/dev/null")).open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def record(name: str, out: Path, log_format: str) -> None:
    experiment = EXPERIMENTS[name]
    demo = deploy(experiment, log_format)
    draft = out.with_name(f".{out.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    run(name, experiment, demo, draft)
    draft.rename(out)


def run(name: str, experiment: dict[str, Any], demo: dict[str, Any], out: Path) -> None:
    """Run the load, act meanwhile, keep what all witnesses saw."""
    watchers = [
        subprocess.Popen(words, stdout=(out / f"{label}.log").open("w"), stderr=subprocess.DEVNULL)
        for label, words in {
            "tracked": ["conntrack", "-E", "-e", "NEW", "-o", "timestamp", "-b", "8388608", "-p", "tcp"],
            "tcpdump-pods": [
                "tcpdump",
                "-i",
                "cni0",
                "-s",
                "450",
                "-B",
                "8192",
                "-w",
                str(out / "pods.pcap"),
                "tcp port 8080",
            ],
            "tcpdump-lo": [
                "tcpdump",
                "-i",
                "lo",
                "-s",
                "450",
                "-B",
                "8192",
                "-w",
                str(out / "lo.pcap"),
                "tcp port 80 or tcp port 8181",
            ],
        }.items()
    ]
    recorder = Recorder(str(out), os.environ["LAB_STATE"])
    time.sleep(1.5)
    command, read = load_command(experiment, out)
    began, actions = time.time_ns(), Actions()
    with (out / f"{experiment.get('tool', 'vegeta')}.log").open("w") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True)
        assert process.stdin
        process.stdin.write(f"{read}\n" if read else "")
        process.stdin.close()
        for at, action in experiment["does"]:
            time.sleep(max(0.0, at - (time.time_ns() - began) / 1e9))
            actions.act(action)
        process.wait(timeout=120)
    ended = time.time_ns()
    time.sleep(2)
    for each in watchers:
        each.terminate()
    recorder.finish()
    for path in list(recorder.apps):
        recorder.apps[path].close()
    if (out / "vegeta.bin").exists():
        subprocess.run(
            ["vegeta", "encode", "-to", "json", "-output", str(out / "vegeta.json"), str(out / "vegeta.bin")],
            check=True,
        )
        (out / "vegeta.bin").unlink()
    truth = {
        "scenario": name,
        "via": experiment.get("via", "ingress"),
        "settings": experiment,
        "deployment": demo,
        "load": {"command": command, "started_ns": began, "ended_ns": ended},
        "actions": actions.done,
        "versions": {key: os.environ.get(f"{key}_VERSION", "") for key in ("KUBERNETES", "INGRESS")},
        "proxy_mode": os.environ.get("LAB_PROXY_MODE", ""),
        "clock": "everything ran on one machine: all times are of one clock",
    }
    (out / "truth.json").write_text(json.dumps(truth, indent=1))
    print(name, f"{(ended - began) / 1e9:.0f} s", flush=True)


def main() -> None:
    out, *names = sys.argv[1:]
    if "IN_LAB" not in os.environ:
        again = ["env", "IN_LAB=1", sys.executable, str(Path(__file__).resolve()), str(Path(out).resolve())]
        os.execv(str(LAB / "node"), [str(LAB / "node"), *again, *names])  # noqa: S606
    os.environ["PATH"] = os.environ.get("LAB_TOOLS", "") + ":" + os.environ["PATH"]
    log_format = json.loads(kubectl("get", "configmap", "nginx-config", "-n", "nginx-ingress", "-o", "json"))["data"][
        "log-format"
    ]
    log_format = log_format.replace(IDS, "")
    missing = [name for name in names if not (Path(out) / name).exists()]
    while missing:
        with alone():
            until = time.monotonic() + TURN_S
            while missing and time.monotonic() < until:
                name = missing.pop(0)
                record(name, Path(out) / name, log_format)
        time.sleep(3)


if __name__ == "__main__":
    main()
