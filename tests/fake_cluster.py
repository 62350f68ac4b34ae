"""A cluster that can be changed: patches, deletions and evictions take effect, and its controllers are at once.

    with FakeCluster() as cluster:
        cluster.deploy("demo", replicas=3, namespace="shop")
        cluster.writes                      # what was written, as ("DELETE", "/api/v1/namespaces/shop/pods/demo-1")
        cluster.is_deaf = True              # answers nothing any more
"""

from __future__ import annotations

import copy
import itertools
import random
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fake_api import SERVED, FakeApi, Found
from fake_rbac import attributes

PATCHES = {"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"}


def same_chance() -> random.Random:
    """Chances that are the same each time."""
    return random.Random(7)  # noqa: S311 - chooses pods


class FakeCluster(FakeApi):
    served = SERVED | {"namespaces", "ingressclasses"}

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[str, str]] = []
        self.write_bodies: list[Any] = []
        self.refuses_evictions = False
        self.is_deaf = False
        self.broken_answers = 0
        self.heals = True
        self._numbers = itertools.count(1)

    # What is there

    def deploy(
        self, name: str, *, replicas: int = 3, namespace: str = "shop", labels: dict[str, str] | None = None,
        image: str = "demo:v1", **spec: Any,
    ) -> Found:
        deployment: Found = {
            "kind": "Deployment", "apiVersion": "apps/v1",
            "metadata": {
                "name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "generation": 1,
                "labels": labels or {},
            },
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [
                    {"name": "app", "image": image, "env": [{"name": "PASSWORD", "value": "hunter2"}]},
                ]}},
                **spec,
            },
        }
        self.put("deployments", deployment)
        self.put("replicasets", {
            "kind": "ReplicaSet", "metadata": {
                "name": f"{name}-1", "namespace": namespace, "uid": f"rs-{namespace}-{name}",
                "labels": {"app": name}, "ownerReferences": [_owner("Deployment", deployment)],
            },
        })
        self.settle(name, namespace)
        return self.one("deployments", name, namespace)

    def one(self, resource: str, name: str, namespace: str | None = "shop") -> Found:
        found = self._find(resource, name, namespace)
        assert found is not None, f"{resource} {name} of {namespace}"
        return found

    def pods(self, name: str, namespace: str = "shop") -> list[Found]:
        every = self.objects.get("pods", {}).values()
        return [
            each for each in every
            if each["metadata"]["namespace"] == namespace and each["metadata"]["labels"].get("app") == name
        ]

    def settle(self, name: str, namespace: str) -> None:
        """Do what the controllers do: as many ready pods as wanted, and a status that says so."""
        deployment = copy.deepcopy(self.one("deployments", name, namespace))
        wanted = deployment["spec"]["replicas"]
        pods = self.pods(name, namespace)
        for each in pods[wanted:]:
            self.remove("pods", each)
        for _ in range(wanted - len(pods)):
            number = next(self._numbers)
            owner = {"kind": "ReplicaSet", "name": f"{name}-1", "uid": f"rs-{namespace}-{name}", "controller": True}
            self.put("pods", {
                "metadata": {
                    "name": f"{name}-{number}", "namespace": namespace, "uid": f"uid-pod-{number}",
                    "labels": {"app": name}, "ownerReferences": [owner],
                },
                "spec": {"nodeName": "node1", "containers": deployment["spec"]["template"]["spec"]["containers"]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            })
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"], "replicas": wanted, "updatedReplicas": wanted,
            "readyReplicas": wanted, "availableReplicas": wanted,
        }
        self.put("deployments", deployment)

    # What is written

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self._hang()
        if self.broken_answers > 0:
            self.broken_answers -= 1
            self._status(request, 503, "etcd does not answer")
            return
        super().answer(request)

    def _hang(self) -> None:
        while self.is_deaf and not self.is_closing:
            time.sleep(0.02)

    def write(self, request: BaseHTTPRequestHandler, verb: str, body: Any) -> None:
        self._hang()
        url = urlsplit(request.path)
        is_dry = "dryRun" in parse_qs(url.query)
        if not is_dry:
            self.writes.append((verb, url.path))
            self.write_bodies.append(body)
        parts = url.path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        asked = attributes(verb, request.path)
        if rest[0] in self.refused or (asked is not None and not self._allows(asked)):
            self._status(request, 403, f"{rest[0]} is forbidden")
        elif verb == "POST" and rest[-1] == "eviction":
            self._evict(request, rest[1], namespace, body)
        elif verb == "POST":
            self._create(request, rest[0], namespace, body)
        else:
            self._change(request, verb, rest, namespace, body, is_dry=is_dry)

    def _create(self, request: BaseHTTPRequestHandler, resource: str, namespace: str | None, body: Found) -> None:
        metadata = {"namespace": namespace, "uid": f"uid-{resource}-{next(self._numbers)}", **body["metadata"]}
        if self._find(resource, metadata["name"], namespace) is not None:
            self._status(request, 409, "already exists")
            return
        self.put(resource, {**body, "metadata": metadata})
        self._json(request, self.one(resource, metadata["name"], namespace), 201)

    def _evict(self, request: BaseHTTPRequestHandler, name: str, namespace: str | None, body: Found) -> None:
        if self.refuses_evictions:
            self._status(request, 429, "Cannot evict pod as it would violate the pod's disruption budget.")
        else:
            self._delete(request, "pods", name, namespace, body.get("deleteOptions") or {})

    def _delete(
        self, request: BaseHTTPRequestHandler, resource: str, name: str, namespace: str | None, options: Found
    ) -> None:
        found = self._find(resource, name, namespace)
        wanted = options.get("preconditions") or {}
        if found is None:
            self._status(request, 404, "not found")
        elif any(found["metadata"].get(each) != value for each, value in wanted.items()):
            self._status(request, 409, "the precondition does not hold")
        else:
            self.remove(resource, found)
            app = found["metadata"].get("labels", {}).get("app")
            if resource == "pods" and self.heals and self._find("deployments", app, namespace):
                self.settle(app, str(namespace))
            self._json(request, {"kind": "Status", "status": "Success"})

    def _change(
        self, request: BaseHTTPRequestHandler, verb: str, rest: list[str], namespace: str | None, body: Any, *,
        is_dry: bool,
    ) -> None:
        resource, name = rest[:2]
        found = self._find(resource, name, namespace)
        if verb == "DELETE":
            self._delete(request, resource, name, namespace, body)
            return
        if found is None:
            self._status(request, 404, "not found")
            return
        changed = copy.deepcopy(found)
        if verb == "PUT":
            if body["metadata"].get("resourceVersion") != found["metadata"]["resourceVersion"]:
                self._status(request, 409, "the object has been modified")
                return
            changed = body
        else:
            kind = request.headers["Content-Type"]
            assert kind in PATCHES, kind
            try:
                changed = _json_patched(changed, body) if isinstance(body, list) else _merged(changed, body)
            except ValueError as error:
                self._status(request, 422, str(error))
                return
        if not is_dry:
            if changed.get("spec") != found.get("spec"):
                changed["metadata"]["generation"] = changed["metadata"].get("generation", 0) + 1
            self.put(resource, changed)
            if resource == "deployments" and self.heals:
                self.settle(name, str(namespace))
            changed = self.one(resource, name, namespace)
        self._json(request, changed)

    def _find(self, resource: str, name: str | None, namespace: str | None) -> Found | None:
        return next((
            each for each in self.objects.get(resource, {}).values()
            if each["metadata"]["name"] == name and each["metadata"].get("namespace") == namespace
        ), None)


def _owner(kind: str, found: Found) -> Found:
    return {"kind": kind, "name": found["metadata"]["name"], "uid": found["metadata"]["uid"], "controller": True}


def _merged(into: Any, patch: Any) -> Any:
    """A strategic merge as far as our patches go: maps by key, lists of things with names by name."""
    if isinstance(patch, dict) and isinstance(into, dict):
        merged = dict(into)
        for name, value in patch.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = _merged(into.get(name), value)
        return merged
    if isinstance(patch, list) and isinstance(into, list) and all("name" in each for each in [*patch, *into]):
        by_name = {each["name"]: each for each in into}
        for each in patch:
            by_name[each["name"]] = _merged(by_name.get(each["name"], {}), each)
        return list(by_name.values())
    return patch


def _json_patched(found: Any, operations: list[Found]) -> Any:
    for each in operations:
        *home, last = [part.replace("~1", "/").replace("~0", "~") for part in each["path"].split("/")[1:]]
        at = found
        for part in home:
            at = at[int(part)] if isinstance(at, list) else at.get(part)
            if at is None:
                raise ValueError(f"{each['path']}: there is no {part}")
        key: Any = int(last) if isinstance(at, list) else last
        now = at[key] if isinstance(at, list) else at.get(key)
        if each["op"] == "test" and now != each["value"]:
            raise ValueError(f"testing value {each['path']} failed")
        if each["op"] in ("add", "replace"):
            at[key] = each["value"]
        elif each["op"] == "remove":
            if now is None:
                raise ValueError(f"{each['path']} is not there")
            del at[key]
    return found
