"""An API server of our own: lists in pages, watches with bookmarks, and everything that can go wrong with them.

    with FakeApi() as api:
        api.put("pods", pod("demo-1"))        # a new version of an object, seen by every watch
        api.cut("pods", in_mid_line=True)     # ends the watches of a resource
        api.restart("pods")                   # cannot go on from before now (410 Gone), but still shows what was
    api.compact("pods")                   # forgets what was, too
        api.refuse("nodes")                   # 403
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from fake_rbac import Attributes, Rules, attributes

from zdtrace.collectors.resources import RESOURCES

Found = dict[str, Any]
SERVED = {each.name for each in RESOURCES if not each.is_optional} | {"endpoints", "configmaps"}
KINDS = {each.name: each for each in RESOURCES}


def pod(name: str, namespace: str = "default", labels: dict[str, str] | None = None, **spec: Any) -> Found:
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "labels": labels or {}},
        "spec": {"nodeName": "node1", "containers": [{"name": "app", "image": "demo"}], **spec},
        "status": {},
    }


def thing(kind: str, name: str, namespace: str | None = "default", **rest: Any) -> Found:
    metadata = {"name": name, "uid": f"uid-{kind}-{name}", **({"namespace": namespace} if namespace else {})}
    return {"kind": kind, "metadata": {**metadata, **rest.pop("metadata", {})}, **rest}


def is_meant(found: Found, query: dict[str, str]) -> bool:
    node = (found.get("spec") or {}).get("nodeName")
    return query.get("fieldSelector") in (None, f"metadata.name={found['metadata']['name']}", f"spec.nodeName={node}")


class FakeApi:
    served = SERVED

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.version = 100
        self.objects: dict[str, dict[str, Found]] = {}
        self.events: dict[str, list[tuple[int, bytes]]] = {}
        self.oldest: Counter[str] = Counter()
        self.kept_from: Counter[str] = Counter()
        self.history: dict[str, list[tuple[int, str, Found | None]]] = {}
        self.cuts: Counter[str] = Counter()
        self.mid_line: set[str] = set()
        self.refused: set[str] = set()
        self.rules: Rules | None = None
        self.installed: set[str] = set()
        self.configz: dict[str, Found] = {}
        self.broken_lists: Counter[str] = Counter()
        self.broken_pages: Counter[str] = Counter()
        self.too_busy: Counter[str] = Counter()
        self.refused_at: list[float] = []
        self.logs: dict[str, list[str]] = {}
        self.log_cuts = 0
        self.paths: list[str] = []
        self.is_closing = False
        self.page = 1000
        self.clock_ahead_s = 0.0

    def __enter__(self) -> Self:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake.answer(self)

            def do_POST(self) -> None:
                body = self.body()
                if self.path.endswith("accessreviews"):
                    fake.review(self, body)
                else:
                    fake.write(self, "POST", body)

            def do_PUT(self) -> None:
                fake.write(self, "PUT", self.body())

            def do_PATCH(self) -> None:
                fake.write(self, "PATCH", self.body())

            def do_DELETE(self) -> None:
                fake.write(self, "DELETE", self.body())

            def body(self) -> Any:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                return json.loads(data) if data else {}

            def log_message(self, *_: object) -> None:
                pass

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(time.time() + fake.clock_ahead_s)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.is_closing = True
            self.lock.notify_all()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def kubeconfig(self, folder: Path) -> Path:
        path = folder / "kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": "t0ken"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "me"}}],
        }), encoding="utf-8")
        return path

    # What happens in the cluster

    def put(self, resource: str, found: Found) -> int:
        with self.lock:
            self.version += 1
            uid = found["metadata"]["uid"]
            known = self.objects.setdefault(resource, {})
            event_type = "MODIFIED" if uid in known else "ADDED"
            known[uid] = {**found, "metadata": {**found["metadata"], "resourceVersion": str(self.version)}}
            self.history.setdefault(resource, []).append((self.version, uid, known[uid]))
            self._tell(resource, event_type, known[uid])
            return self.version

    def remove(self, resource: str, found: Found) -> int:
        with self.lock:
            self.version += 1
            gone = self.objects[resource].pop(found["metadata"]["uid"])
            gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
            self.history[resource].append((self.version, found["metadata"]["uid"], None))
            self._tell(resource, "DELETED", gone)
            return self.version

    def bookmark(self, resource: str) -> None:
        with self.lock:
            self.version += 1
            self._tell(resource, "BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})

    def say(self, resource: str, line: bytes) -> None:
        with self.lock:
            self.version += 1
            self.events.setdefault(resource, []).append((self.version, line + b"\n"))
            self.lock.notify_all()

    def _tell(self, resource: str, event_type: str, found: Found) -> None:
        kind = KINDS.get(resource)
        whole = {"kind": kind.kind, "apiVersion": kind.api_version, **found} if kind else found
        line = json.dumps({"type": event_type, "object": whole}).encode() + b"\n"
        self.events.setdefault(resource, []).append((self.version, line))
        self.lock.notify_all()

    # What happens to the API server

    def cut(self, resource: str, *, in_mid_line: bool = False) -> None:
        with self.lock:
            self.cuts[resource] += 1
            (self.mid_line.add if in_mid_line else self.mid_line.discard)(resource)
            self.lock.notify_all()

    def restart(self, resource: str) -> None:
        with self.lock:
            self.oldest[resource] = self.version
            self.events[resource] = []

    def compact(self, resource: str) -> None:
        with self.lock:
            self.restart(resource)
            self.kept_from[resource] = self.version

    def write_log(self, pod_name: str, *lines: str) -> None:
        with self.lock:
            self.logs.setdefault(pod_name, []).extend(lines)
            self.lock.notify_all()

    def cut_logs(self) -> None:
        with self.lock:
            self.log_cuts += 1
            self.lock.notify_all()

    # Answers

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.paths.append(request.path)
        home, name = url.path.rsplit("/", 2)[-2:]
        asked = attributes("GET", request.path)
        try:
            if name in ("version", "livez"):
                self._json(request, {"gitVersion": "v1.37.0"})
            elif asked is not None and not self._allows(asked):
                self._status(request, 403, f"{asked.resource} is forbidden")
            elif name == "configz":
                self._json(request, {"kubeletconfig": self.configz[url.path.split("/")[-3]]})
            elif name == "log":
                self._log(request, url.path.split("/")[-2], query)
            elif home in self.served and name not in self.served:
                self._one(request, home, name)
            elif name not in self.served | self.installed:
                self._status(request, 404, "not found")
            elif self.too_busy[name] > 0:
                self.too_busy[name] -= 1
                self.refused_at.append(time.monotonic())
                self._json(request, {"kind": "Status", "code": 429, "message": "too many requests"}, 429)
            elif query.get("watch") == "true":
                self._watch(request, name, query)
            else:
                self._list(request, url.path, name, query)
        except (BrokenPipeError, ConnectionResetError):
            request.close_connection = True

    def _allows(self, asked: Attributes) -> bool:
        """`refused` holds resources, or with their group in front of a stroke one API of them."""
        is_refused = bool({asked.resource, f"{asked.group}/{asked.resource}"} & self.refused)
        return not is_refused and (self.rules is None or self.rules.allow(asked))

    def review(self, request: BaseHTTPRequestHandler, review: Found) -> None:
        found = review["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (found["resource"], found.get("subresource"))))
        asked = Attributes(
            found["verb"], found.get("group", ""), resource, found.get("namespace", ""), found.get("name", "")
        )
        self._json(request, {**review, "status": {"allowed": self._allows(asked)}}, 201)

    def write(self, request: BaseHTTPRequestHandler, verb: str, body: Any) -> None:
        """Refuse every change: recorders make none. `FakeCluster` takes them."""
        self._status(request, 405, f"{verb} is not supported")

    def _one(self, request: BaseHTTPRequestHandler, resource: str, name: str) -> None:
        every = self.objects.get(resource, {}).values()
        found = next((each for each in every if each["metadata"]["name"] == name), None)
        if found is None:
            self._status(request, 404, f"{name} not found")
        else:
            self._json(request, found)

    def _json(self, request: BaseHTTPRequestHandler, found: Found, status: int = 200) -> None:
        data = json.dumps(found).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        if status == 429:
            request.send_header("Retry-After", "1")
        request.end_headers()
        request.wfile.write(data)

    def _status(self, request: BaseHTTPRequestHandler, code: int, message: str) -> None:
        self._json(request, {"kind": "Status", "code": code, "message": message}, code)

    def _list(self, request: BaseHTTPRequestHandler, path: str, name: str, query: dict[str, str]) -> None:
        with self.lock:
            wanted = path.split("/namespaces/")[1].split("/")[0] if "/namespaces/" in path else None
            shown = self.objects.get(name, {})
            if query.get("resourceVersionMatch") == "Exact":
                at = int(query["resourceVersion"])
                if at < self.kept_from[name]:
                    self._status(request, 410, "The resourceVersion for the provided list is too old.")
                    return
                then = {uid: found for version, uid, found in self.history.get(name, []) if version <= at}
                shown = {uid: found for uid, found in then.items() if found is not None}
            every = [
                each for each in shown.values()
                if (wanted is None or each["metadata"].get("namespace") == wanted) and is_meant(each, query)
            ]
            start = int(query.get("continue", "0"))
            if start and self.broken_pages[name]:
                self.broken_pages[name] -= 1
                self._status(request, 410, "The provided continue parameter is too old")
                return
            size = min(self.page, int(query.get("limit", "1000000")))
            items = every[start:start + size]
            metadata: Found = {"resourceVersion": query.get("resourceVersion", str(self.version))}
            if start + size < len(every):
                metadata["continue"] = str(start + size)
            is_broken = self.broken_lists[name] > 0
            self.broken_lists[name] -= is_broken
        bare = [{key: value for key, value in each.items() if key not in ("kind", "apiVersion")} for each in items]
        if is_broken:
            request.close_connection = True
            request.send_response(200)
            request.send_header("Content-Length", "1000")
            request.end_headers()
            request.wfile.write(b'{"items": [{"meta')
            return
        self._json(request, {"metadata": metadata, "items": bare})

    def _watch(self, request: BaseHTTPRequestHandler, name: str, query: dict[str, str]) -> None:
        at = int(query["resourceVersion"])
        with self.lock:
            cuts = self.cuts[name]
            is_gone = at < self.oldest[name]
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        if is_gone:
            status = {"kind": "Status", "code": 410, "message": f"too old resource version: {at} ({self.oldest[name]})"}
            self._chunk(request, json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
            self._chunk(request, b"")
            return
        while True:
            with self.lock:
                new = [each for each in self.events.get(name, []) if each[0] > at]
                if not new and not self.is_closing and self.cuts[name] == cuts:
                    self.lock.wait(0.05)
                    continue
                is_cut, is_torn = self.cuts[name] != cuts, name in self.mid_line
            if is_cut or self.is_closing:
                if is_torn:
                    self._chunk(request, b'{"type":"MODIFIED","object":{"kind":"Pod","meta')
                    request.close_connection = True
                    return
                self._chunk(request, b"")
                return
            for version, line in new:
                at = version
                if "fieldSelector" in query and not is_meant(json.loads(line)["object"], query):
                    continue
                # In two pieces: a chunk is no line.
                self._chunk(request, line[: len(line) // 2])
                self._chunk(request, line[len(line) // 2:])

    def _log(self, request: BaseHTTPRequestHandler, pod_name: str, query: dict[str, str]) -> None:
        if query.get("previous") == "true":
            self._status(request, 400, "previous terminated container not found")
            return
        since = query["sinceTime"][:19]
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        sent, cuts = 0, self.log_cuts
        while True:
            with self.lock:
                lines = [each for each in self.logs.get(pod_name, []) if each[:19] >= since][sent:]
                if not lines and not self.is_closing and cuts == self.log_cuts:
                    self.lock.wait(0.05)
                    continue
                if not lines:
                    break
            sent += len(lines)
            self._chunk(request, "".join(f"{line}\n" for line in lines).encode())
        self._chunk(request, b"")

    @staticmethod
    def _chunk(request: BaseHTTPRequestHandler, data: bytes) -> None:
        request.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        request.wfile.flush()
