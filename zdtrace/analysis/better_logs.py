"""What to set so that an ingress' access log tells which pod each request went to, to the millisecond, with its id.

Each text is what the controller's own documentation asks for, and what the importers read back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NGINX = (
    "msec", "request_time", "status", "request_method", "host", "request_uri", "{id}", "http_x_request_id",
    "remote_addr", "remote_port", "connection", "connection_requests", "pid", "body_bytes_sent",
    "upstream_addr", "upstream_status", "upstream_connect_time", "upstream_header_time", "upstream_response_time",
    "upstream_bytes_received",
)
_HAPROXY = (
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %si:%sp"
)
_ENVOY = (
    "@timestamp", "authority", "method", "path", "response_code", "response_flags", "response_code_details", "duration",
    "request_id", "downstream_remote_address", "bytes_sent", "upstream_cluster", "upstream_host",
    "upstream_service_time",
)
_IMAGES = (
    ("ingress-nginx", re.compile(r"ingress-nginx/controller|/nginx-ingress-controller")),
    ("nginx-kic", re.compile(r"(?:^|/)nginx(?:-plus)?-ingress")),
    ("contour", re.compile(r"(?:^|/)contour[:@]")),
    ("haproxy", re.compile(r"haproxy")),
    ("traefik", re.compile(r"(?:^|/)traefik[:@]")),
    ("envoy", re.compile(r"(?:^|/)(?:envoy|proxyv2)(?:[-:@]|$)")),
)
TITLES = {
    "ingress-nginx": "ingress-nginx", "nginx-kic": "NGINX Ingress Controller", "contour": "Contour", "envoy": "Envoy",
    "haproxy": "HAProxy Ingress Controller", "traefik": "Traefik",
}
_USUAL = {
    "ingress-nginx": ("ingress-nginx", "ingress-nginx-controller"), "nginx-kic": ("nginx-ingress", "nginx-config"),
    "haproxy": ("haproxy-controller", "haproxy-kubernetes-ingress"), "contour": ("projectcontour", "contour"),
    "traefik": ("traefik", "traefik"), "envoy": ("projectcontour", "contour"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What to change: a text to write into `file`, the command that applies it, and what there is to know of it."""

    title: str
    file: str
    text: str
    command: str
    words: str = ""


def controller_of(image: str) -> str:
    """Return which controller or proxy an image is; empty when its name does not tell."""
    return next((name for name, pattern in _IMAGES if pattern.search(image)), "")


def setting(controller: str, namespace: str | None = None, name: str | None = None) -> Setting | None:
    """Return what to set for one controller; null when it is not known.

    `name` is its ConfigMap or, for Traefik, its Deployment; what is usual when not said.
    """
    if controller == "nginx":
        words = "for nginx' own configuration; ingress controllers take it from a ConfigMap"
        text = f"log_format zdtrace escape=json '{nginx_format(controller)}';\naccess_log /dev/stdout zdtrace;\n"
        title = "nginx: log each try, its pod and the request's id"
        return Setting(title, "nginx.conf", text, "nginx -s reload", words)
    if controller not in _USUAL:
        return None
    usual_namespace, usual_name = _USUAL[controller]
    home, called = namespace or usual_namespace, name or usual_name
    title = f"{TITLES[controller]}: log each try, its pod and the request's id"
    if controller == "traefik":
        file = "access-log.patch.yaml"
        command = f"kubectl -n {home} patch deployment {called} --type json --patch-file {file}"
        words = "it restarts Traefik; with Helm, set these arguments in its values"
        return Setting(title, file, _traefik(), command, words)
    if controller in ("contour", "envoy"):
        words = (
            "add these lines to contour.yaml in the ConfigMap, then restart Contour; its text format, which it has "
            "unless told otherwise, tells nearly as much"
        )
        command = f"kubectl -n {home} edit configmap {called} && kubectl -n {home} rollout restart deployment/contour"
        return Setting(title, "contour.yaml", _contour(), command, words)
    file = "access-log.patch.yaml"
    command = f"kubectl -n {home} patch configmap {called} --type merge --patch-file {file}"
    return Setting(title, file, _yaml({"data": _DATA[controller]}), command)


def nginx_format(controller: str) -> str:
    """Return nginx' `log_format` as one line of JSON."""
    own_id = "req_id" if controller == "ingress-nginx" else "request_id"
    names = [own_id if each == "{id}" else each for each in _NGINX]
    if controller == "ingress-nginx":
        names.append("proxy_upstream_name")
    return "{" + ",".join(f'"{name}":"${name}"' for name in names) + "}"


_DATA: Mapping[str, Mapping[str, str]] = {
    "ingress-nginx": {"log-format-escape-json": "true", "log-format-upstream": nginx_format("ingress-nginx")},
    "nginx-kic": {"log-format-escaping": "json", "log-format": nginx_format("nginx-kic")},
    "haproxy": {
        "syslog-server": "address:stdout, format: raw, facility:daemon", "request-capture": "hdr(X-Request-ID)",
        "request-capture-len": "128", "log-format": _HAPROXY,
    },
}


def _contour() -> str:
    return _yaml({"accesslog-format": "json", "json-fields": list(_ENVOY)})


def _traefik() -> str:
    arguments = (
        "--accesslog=true", "--accesslog.format=json", "--accesslog.fields.headers.defaultmode=drop",
        "--accesslog.fields.headers.names.X-Request-Id=keep",
    )
    path = "/spec/template/spec/containers/0/args/-"
    return _yaml([{"op": "add", "path": path, "value": each} for each in arguments])


def _yaml(found: Any) -> str:
    import yaml

    return str(yaml.safe_dump(found, sort_keys=False, width=10_000, default_flow_style=False))
