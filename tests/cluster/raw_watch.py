"""Watches on their own, to compare a recording with: nothing of zdtrace is in them, and only the standard library.

    raw_watch.py etcd                    every write below /registry, as etcd itself tells it: a line a key
    raw_watch.py api KUBECONFIG PATH     one resource of the API server, listed and watched anew when it breaks off

Each line: {"seen_at_ns": …, "kind": "pods", "namespace": …, "name": …, "version": 1234, "is_deletion": false}.
It says `listening` on stderr when it does; ended by a signal.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ETCD = ("127.0.0.1", 2379)
# Where the API server keeps its resources, when that is not under the resource's own name.
KINDS = {"services/specs": "services", "services/endpoints": "endpoints", "minions": "nodes"}
NOT_IN_A_NAMESPACE = frozenset({"nodes"})


def ask_etcd(path: str, body: dict[str, Any]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(*ETCD)
    connection.request("POST", path, json.dumps(body))
    return connection.getresponse()


def told_by_etcd() -> Iterator[dict[str, Any]]:
    below = {"key": base64.b64encode(b"/registry/").decode(), "range_end": base64.b64encode(b"/registry0").decode()}
    answer = ask_etcd("/v3/watch", {"create_request": below})
    while line := answer.readline():
        seen_at_ns = time.time_ns()
        result = json.loads(line)["result"]
        if result.get("created"):
            say("listening")
        for event in result.get("events", ()):
            key = base64.b64decode(event["kv"]["key"]).decode()
            found = identity(key)
            if found is not None:
                is_deletion = event.get("type") == "DELETE"
                version = int(event["kv"]["mod_revision"])
                yield {"seen_at_ns": seen_at_ns, **found, "version": version, "is_deletion": is_deletion}


def identity(key: str) -> dict[str, str] | None:
    parts = key.removeprefix("/registry/").split("/")
    for length in (2, 1):
        kind = "/".join(parts[:length])
        kind = KINDS.get(kind, kind)
        rest = parts[length:]
        if kind in NOT_IN_A_NAMESPACE and len(rest) == 1:
            return {"kind": kind, "namespace": "", "name": rest[0]}
        if len(rest) == 2 and "/" not in kind:
            return {"kind": kind, "namespace": rest[0], "name": rest[1]}
    return None


def connected(kubeconfig: Path) -> tuple[http.client.HTTPSConnection, dict[str, str]]:
    """Return a connection to the API server, and the headers that log in."""
    text = kubeconfig.read_text(encoding="utf-8")

    def said(name: str) -> str | None:
        found = re.search(rf'{name}: "?([^"\s,}}]+)', text)
        return found[1] if found else None

    def file(name: str) -> str | None:
        if path := said(name):
            return path
        if (data := said(f"{name}-data")) is None:
            return None
        with tempfile.NamedTemporaryFile(delete=False) as copy:
            copy.write(base64.b64decode(data))
        return copy.name

    server = urlsplit(said("server") or "")
    tls = ssl.create_default_context(cafile=file("certificate-authority"))
    if certificate := file("client-certificate"):
        tls.load_cert_chain(certificate, file("client-key"))
    token = said("token")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return http.client.HTTPSConnection(server.hostname or "", server.port, context=tls), headers


def told_by_api(kubeconfig: Path, path: str) -> Iterator[dict[str, Any]]:
    def ask(query: str) -> http.client.HTTPResponse:
        connection, headers = connected(kubeconfig)
        connection.request("GET", f"{path}?{query}", headers=headers)
        return connection.getresponse()

    version = ""
    while True:
        try:
            if not version:
                version = json.loads(ask("").read())["metadata"]["resourceVersion"]
            answer = ask(f"watch=true&allowWatchBookmarks=true&resourceVersion={version}")
            say("listening")
            while line := answer.readline():
                seen_at_ns = time.time_ns()
                event = json.loads(line)
                if event["type"] == "ERROR":
                    version = ""
                    break
                metadata = event["object"]["metadata"]
                version = metadata["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    yield {
                        "seen_at_ns": seen_at_ns, "kind": path.rsplit("/", 1)[1],
                        "namespace": metadata.get("namespace", ""), "name": metadata["name"],
                        "version": int(version), "is_deletion": event["type"] == "DELETED",
                    }
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            time.sleep(0.1)


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main() -> None:
    for each in told_by_etcd() if sys.argv[1] == "etcd" else told_by_api(Path(sys.argv[2]), sys.argv[3]):
        print(json.dumps(each), flush=True)


if __name__ == "__main__":
    main()
