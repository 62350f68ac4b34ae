"""The API server, as bytes: kubectl's ways to find it and to log in, and answers that are read as they arrive.

The client's models are not used: parsing into them takes longer than a busy cluster leaves, and an instant taken
after it would not be that of the arrival.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.errors import ClusterError, NoAnswer

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_CONNECT_S = 10.0
_READ_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a cluster, in kubectl's words. Null means what kubectl would take."""

    kubeconfig: str | None = None
    context: str | None = None
    user: str | None = None
    timeout_s: float = 30.0


class ApiFailure(Exception):
    """The API server answered with an error, or not at all. `status` is 0 when nothing was answered."""

    def __init__(self, status: int, words: str, retry_after_s: float | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.retry_after_s = retry_after_s

    @property
    def is_refusal(self) -> bool:
        """Whether a right is missing: asking again will not help."""
        return self.status in (401, 403)


class Answer:
    """A response that is being read. `shut` ends the reading from another thread."""

    def __init__(self, response: Any) -> None:
        self._response = response

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the response, whatever their case."""
        found: Mapping[str, str] = self._response.headers
        return found

    def chunks(self) -> Iterator[bytes]:
        """Yield bytes as they arrive. Raises ApiFailure when they break off."""
        import urllib3

        try:
            while data := self._response.read1(_READ_BYTES):
                yield data
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # A socket that is shut while it is read ends in any of these.
            raise ApiFailure(0, _words(error)) from error

    def shut(self) -> None:
        """End the reading."""
        try:
            self._response.shutdown()
        except (ValueError, RuntimeError, OSError):
            self.close()

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()


class Api:
    """One cluster."""

    def __init__(self, client: Any, namespace: str, timeout_s: float) -> None:
        self._client = client
        self.namespace = namespace
        self.timeout_s = timeout_s
        self.server_version = ""
        """As `v1.37.2`; empty when it does not tell."""

    @property
    def server(self) -> str:
        """URL of the API server."""
        return str(self._client.configuration.host)

    @property
    def configuration(self) -> Any:
        """How the client reaches it, for clients of other protocols."""
        return self._client.configuration

    @property
    def impersonated(self) -> str | None:
        """The user on whose behalf it is asked (`--as`); null when on our own."""
        found: str | None = self._client.default_headers.get("Impersonate-User")
        return found

    def open(
        self, path: str, query: Mapping[str, str | int] | None = None, *, idle_s: float | None = None
    ) -> Answer:
        """Ask for a path and return the answer when its headers are there. Raises ApiFailure.

        `idle_s` is how long nothing may arrive; the request's own timeout when not said.
        """
        return Answer(self._send("GET", path, query, None, idle_s))

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """Return an object. Raises ApiFailure."""
        return self._object(self._send("GET", path, query, None, None))

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask by creating something that is only answered (a review of access). Raises ApiFailure."""
        return self._object(self._send("POST", path, None, body, None))

    def change(
        self, verb: str, path: str, body: Any = None, *, query: Mapping[str, str | int] | None = None,
        content_type: str = "application/json", timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Write: POST, PUT, PATCH or DELETE; returns what the API server answers. Raises ApiFailure.

        No recorder does this; experiments do.
        """
        return self._object(self._send(verb, path, query, body, timeout_s, content_type))

    def close(self) -> None:
        """Let go of all connections."""
        self._client.rest_client.close()

    @staticmethod
    def _object(response: Any) -> dict[str, Any]:
        import urllib3

        try:
            found = json.loads(response.data)
        except (ValueError, urllib3.exceptions.HTTPError) as error:
            raise ApiFailure(0, f"no JSON came: {_words(error)}") from error
        finally:
            response.close()
        if not isinstance(found, dict):
            raise ApiFailure(0, "no object came")
        return found

    def _send(
        self, verb: str, path: str, query: Mapping[str, str | int] | None, body: Any, idle_s: float | None,
        content_type: str = "application/json",
    ) -> Any:
        import urllib3
        from kubernetes.client.exceptions import ApiException

        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            request = self._client.param_serialize(
                verb, path, query_params=list((query or {}).items()), header_params=headers, body=body,
                auth_settings=["BearerToken"],
            )
            timeout = (min(_CONNECT_S, self.timeout_s), idle_s or self.timeout_s)
            response = self._client.call_api(*request, _request_timeout=timeout).response
        except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiFailure(0, _words(error)) from error
        if response.status >= 300:
            raise _failure(response)
        return response


def connect(access: Access) -> Api:
    """Return the cluster that kubectl would talk to: KUBECONFIG, ~/.kube/config, then the pod's own.

    Raises ClusterError when there is none, or it does not answer.
    """
    from kubernetes.client.api_client import ApiClient
    from kubernetes.client.configuration import Configuration
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.utils.keepalive import tcp_keepalive_socket_options

    configuration = Configuration()
    try:
        namespace = _load(configuration, access)
    except ConfigException as error:
        raise ClusterError(
            f"no cluster is known: {error}", hint="name one with --kubeconfig FILE and --context NAME"
        ) from error
    except (OSError, ValueError) as error:
        raise ClusterError(f"the kubeconfig cannot be read: {error}", hint="does `kubectl get pods` work?") from error
    configuration.retries = 0
    configuration.connection_pool_maxsize = 128
    # A server that vanished without a word is known to be gone after 25 s of silence.
    configuration.socket_options = tcp_keepalive_socket_options(idle=10, interval=5, count=3)
    client = ApiClient(configuration)
    if access.user:
        client.set_default_header("Impersonate-User", access.user)
    api = Api(client, namespace, access.timeout_s)
    try:
        api.server_version = str(api.get("/version").get("gitVersion") or "")
    except ApiFailure as failure:
        if not failure.is_refusal:
            raise NoAnswer(
                f"the API server at {api.server} does not answer: {failure.words}",
                hint="does `kubectl version` work, with the same --context?",
            ) from failure
    return api


def namespace_of(access: Access) -> str:
    """Return the namespace that kubectl would mean when none is said; asks no cluster."""
    from kubernetes.client.configuration import Configuration
    from kubernetes.config.config_exception import ConfigException

    try:
        return _load(Configuration(), access)
    except (ConfigException, OSError, ValueError):
        return "default"


def _load(configuration: Any, access: Access) -> str:
    """Fill in the configuration; return the namespace that is meant when none is said."""
    from kubernetes import config
    from kubernetes.config.incluster_config import load_incluster_config
    from kubernetes.config.kube_config import ENV_KUBECONFIG_PATH_SEPARATOR, list_kube_config_contexts

    home = str(Path.home() / ".kube" / "config")
    file = access.kubeconfig or os.environ.get("KUBECONFIG") or home
    is_there = any(Path(each).expanduser().is_file() for each in file.split(ENV_KUBECONFIG_PATH_SEPARATOR) if each)
    if not is_there and not access.kubeconfig and os.environ.get("KUBERNETES_SERVICE_HOST"):
        load_incluster_config(client_configuration=configuration)
        return _NAMESPACE_FILE.read_text(encoding="utf-8").strip() if _NAMESPACE_FILE.is_file() else "default"
    config.load_kube_config(
        config_file=file, context=access.context, client_configuration=configuration, persist_config=False
    )
    contexts, active = list_kube_config_contexts(file)
    chosen = next((each for each in contexts if each["name"] == access.context), active)
    return str((chosen.get("context") or {}).get("namespace") or "default")


def _failure(response: Any) -> ApiFailure:
    import urllib3

    try:
        data = response.data
    except (urllib3.exceptions.HTTPError, OSError):
        data = b""
    finally:
        response.close()
    try:
        message = json.loads(data)["message"]
    except (ValueError, KeyError, TypeError):
        message = data[:200].decode("utf-8", "replace").strip() or response.reason
    after = response.headers.get("Retry-After", "")
    wait_s = float(after) if after.isdigit() else None
    return ApiFailure(response.status, f"{response.status} {str(message)[:300]}", wait_s)


def _words(error: BaseException) -> str:
    """Return the last reason of an error that wraps others."""
    reason = getattr(error, "reason", None)
    while isinstance(reason, BaseException) and getattr(reason, "reason", None) is not None:
        reason = getattr(reason, "reason")  # noqa: B009 - of an exception that mypy knows nothing about
    reason = reason or error
    # urllib3 gives some of its errors their words and what they came from: the words say it all.
    words = reason.args[0] if len(getattr(reason, "args", ())) > 1 and isinstance(reason.args[0], str) else reason
    return (str(words) or type(error).__name__).split("\n")[0][:300]


