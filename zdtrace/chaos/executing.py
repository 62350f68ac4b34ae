"""Running a command in a container, as `kubectl exec` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from zdtrace.chaos.cluster import Ref
from zdtrace.collectors.api import Api
from zdtrace.errors import ClusterError

_TIMEOUT_S = 10.0


def execute(api: Api, pod: Ref, container: str, words: Sequence[str]) -> str:
    """Run a command in a container and return what it wrote; raises ClusterError when it cannot be run, or fails.

    That the connection ends with the container is no failure: it was meant to end.
    """
    from kubernetes.client.api.core_v1_api import CoreV1Api
    from kubernetes.client.api_client import ApiClient
    from kubernetes.client.exceptions import ApiException
    from kubernetes.stream import stream

    # A client of its own: `stream` bends the one that it is given while it runs.
    client = ApiClient(api.configuration)
    if api.impersonated:
        raise ClusterError(
            f"running a command in {pod.words} is not possible for another user",
            hint="leave --as out, or use an action that needs no pods/exec",
        )
    try:
        running = stream(
            CoreV1Api(client).connect_get_namespaced_pod_exec, pod.name, pod.namespace, container=container,
            command=list(words), stdin=False, stdout=True, stderr=True, tty=False, _preload_content=False,
            _request_timeout=_TIMEOUT_S,
        )
        running.run_forever(timeout=_TIMEOUT_S)
        said = running.read_all()
        status = running.read_channel(3)
    except (ApiException, OSError, ValueError) as error:
        raise ClusterError(
            f"`{' '.join(words)}` could not be run in {pod.words}: {_words(error)}",
            hint="does the image have that program, and have you the right to pods/exec?",
        ) from error
    finally:
        client.close()
    if why := _failure(status):
        raise ClusterError(
            f"`{' '.join(words)}` failed in {pod.words}: {why}", hint="does the image have that program?"
        )
    return str(said)


def _failure(status: Any) -> str | None:
    """Return why a command failed; null when it did not, or when its container ended with it."""
    try:
        found = json.loads(status) if status else {}
    except ValueError:
        return str(status)[:200]
    if found.get("status") != "Failure":
        return None
    causes = (found.get("details") or {}).get("causes") or ()
    codes = [each.get("message") for each in causes if each.get("reason") == "ExitCode"]
    # 128 + signal: what ended the container ended our shell in it, too.
    if any(str(each).isdigit() and int(each) > 128 for each in codes):
        return None
    return str(found.get("message"))[:200]


def _words(error: BaseException) -> str:
    return str(getattr(error, "reason", None) or error).split("\n")[0][:200]
