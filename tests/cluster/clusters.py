"""The cluster that the tests run on: the lab of tests/lab, or one that `--kubeconfig` names.

The lab's API server is reached from inside its network namespace only, so commands run there; their files are ours.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LAB = HERE.parent / "lab"
HOST = "example.com"
NODE_IP = "198.18.0.1"
GO = (1, 26)
Said = subprocess.CompletedProcess[str]


def _has_go() -> bool:
    if shutil.which("go") is None:
        return False
    said = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"go(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= GO


def cache_folder() -> Path:
    """Return where the lab's programs are kept."""
    return Path(os.environ.get("LAB_CACHE") or Path.home() / ".cache" / "zdtrace-lab")


def why_no_lab(cache: Path) -> str | None:
    """Return why this machine cannot run the lab; null when it can."""
    if not sys.platform.startswith("linux"):
        return "the lab needs Linux"
    if os.geteuid() != 0:
        return "the lab needs root"
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "the lab installs Debian packages, and this is no Debian"
    is_built = (cache / "made" / "k6").exists()
    if not is_built and not _has_go():
        return f"the lab is compiled once, and there is no Go {'.'.join(map(str, GO))} here"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        return "the lab needs network namespaces, and none may be made here"
    return None


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers: `words_before` come before each command that talks to it."""

    kubeconfig: Path
    words_before: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def environment(self) -> dict[str, str]:
        quiet = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        return {**quiet, **self.variables, "KUBECONFIG": str(self.kubeconfig), "COLUMNS": "100"}

    def start(self, *words: str | Path, **how: Any) -> subprocess.Popen[Any]:
        """Start a command there; its process is the command itself, so that signals reach it."""
        return subprocess.Popen([*self.words_before, *map(str, words)], env=self.environment, **how)

    def run(self, *words: str | Path, timeout: float = 120.0, check: bool = True, stdin: str | None = None) -> Said:
        done = subprocess.run(
            [*self.words_before, *map(str, words)], env=self.environment, input=stdin,
            capture_output=True, text=True, encoding="utf-8", timeout=timeout, check=False,
        )
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self.run("kubectl", *words, stdin=stdin).stdout

    def zdtrace(self, *words: str | Path, timeout: float = 180.0, check: bool = True) -> Said:
        return self.run(sys.executable, "-m", "zdtrace", *words, timeout=timeout, check=check)

    def kubeconfig_of(self, account: str, folder: Path) -> Path:
        """Return a kubeconfig of a ServiceAccount of the namespace `default`."""
        token = self.kubectl("create", "token", account, "-n", "default").strip()
        path = folder / f"{account}.kubeconfig"
        path.write_text(re.sub(r"token: \w+", f"token: {token}", self.kubeconfig.read_text()))
        return path

    @contextlib.contextmanager
    def recording(self, folder: Path, *words: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Run `zdtrace record -o FOLDER …` and go on when it listens; what it says is in FOLDER.stderr."""
        said = folder.with_name(f"{folder.name}.stderr")
        with said.open("w") as talk:
            process = self.start(
                sys.executable, "-m", "zdtrace", "record", "-o", folder, *words,
                stdout=subprocess.DEVNULL, stderr=talk, text=True, cwd=folder.parent,
            )
        try:
            until(lambda: "recording " in said.read_text() or process.poll() is not None, 60)
            assert process.poll() is None, said.read_text()
            yield process
        finally:
            end(process)

    @contextlib.contextmanager
    def watching(self, file: Path, *words: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Run tests/cluster/raw_watch.py into a file."""
        with file.open("w") as lines:
            process = self.start(
                sys.executable, HERE / "raw_watch.py", *words, stdout=lines, stderr=subprocess.PIPE, text=True
            )
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == "listening\n"
            yield process
        finally:
            end(process)
            process.stderr.close()


@dataclass(frozen=True)
class Lab(Cluster):
    """The lab, of which we may break what we like."""

    state: Path = Path()

    def part(self, action: str, name: str) -> None:
        """Stop, start, restart or kill a part of the control plane or the node."""
        subprocess.run([LAB / "part", action, name], env=self.environment, check=True, timeout=90)

    def restart_api_server(self, while_down: Callable[[], object] = lambda: None) -> None:
        """Let the API server end, do something, and start it again. Whoever else talks to it begins anew too."""
        self.part("stop", "kube-apiserver")
        while_down()
        self.part("start", "kube-apiserver")
        until(lambda: self.run("kubectl", "get", "--raw", "/readyz", check=False).returncode == 0, 60)
        # After an outage of seconds these wait for half a minute before they ask again: longer than a test has.
        for name in ("kube-controller-manager", "kube-scheduler", "kubelet"):
            self.part("kill", name)

    def compact_etcd(self) -> int:
        """Let etcd forget all that was before now; returns the revision."""
        ask = ("curl", "-sf", "http://127.0.0.1:2379/v3/kv/range", "-d", json.dumps({"key": _base64("/registry")}))
        revision = int(json.loads(self.run(*ask).stdout)["header"]["revision"])
        body = json.dumps({"revision": str(revision), "physical": True})
        self.run("curl", "-sf", "http://127.0.0.1:2379/v3/kv/compaction", "-d", body)
        return revision

    @property
    def audit_log(self) -> Path:
        return self.state / "node1" / "log" / "audit.log"

    def deploy(
        self, *, environment: Mapping[str, str] | None = None, has_readiness: bool = False, prestop_s: int = 0,
        retries: bool = True, annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Bring the demo behind the ingress to this shape, and wait until it serves and the ingress is quiet."""
        text = self.kubectl("create", "--dry-run=client", "-o", "json", "-f", str(LAB / "manifests" / "demo.yaml"))
        demo = next(each for each in documents(text) if each["kind"] == "Deployment")
        demo["metadata"]["annotations"] = dict(annotations or {})
        container = demo["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [{"name": name, "value": value} for name, value in (environment or {}).items()]
        if has_readiness:
            container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
        if prestop_s:
            container["lifecycle"] = {"preStop": {"sleep": {"seconds": prestop_s}}}
        self.kubectl("delete", "deployment", "demo", "--ignore-not-found", "--cascade=foreground")
        self.kubectl("create", "-f", "-", stdin=json.dumps(demo))
        self.kubectl("rollout", "status", "deployment/demo", "--timeout=90s")
        snippet = None if retries else "proxy_next_upstream off;"
        patch = json.dumps({"data": {"http-snippets": snippet}})
        self.kubectl("patch", "configmap", "nginx-config", "-n", "nginx-ingress", "--type=merge", "-p", patch)
        time.sleep(4.0)  # the controller waits for more changes before it reloads nginx

    def load(self, seconds: int, *, qps: int = 500, connections: int = 50) -> list[str]:
        """Return the load test of the question that zdtrace was made for."""
        assert seconds <= 90
        return [
            "fortio", "load", "-a", "-c", str(connections), "-qps", str(qps), "-t", f"{seconds}s",
            "-allow-initial-errors", "-timeout", "15s", "-resolve", NODE_IP, f"http://{HOST}/demo",
        ]


def lab_at(cache: Path, state: Path, name: str) -> Lab:
    """Return the lab whose state is in that folder, up or not."""
    return Lab(
        state / "admin.kubeconfig",
        ("nsenter", f"--net=/run/netns/{name}-1"),
        {
            "LAB_CACHE": str(cache), "LAB_STATE": str(state), "LAB_NAME": name,
            "PATH": f"{cache}/bin:/usr/sbin:/sbin:{os.environ['PATH']}",
        },
        state=state,
    )


def until(holds: Callable[[], object], seconds: float) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def end(process: subprocess.Popen[Any], number: int = signal.SIGTERM) -> None:
    """End a process that still runs, in the end by force."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def documents(text: str) -> list[dict[str, Any]]:
    """Read what `kubectl -o json` prints for several objects: one document after the other."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text.rstrip()):
        each, end_at = decoder.raw_decode(text[at:].lstrip())
        at += len(text[at:]) - len(text[at:].lstrip()) + end_at
        found.extend(each.get("items", [each]))
    return found


if __name__ == "__main__":
    # Why the lab cannot run here, or nothing: for scripts.
    print(why_no_lab(cache_folder()) or "", end="")
