"""What we ask to be logged, our importers read: the pod of each try, the request's id, to the millisecond."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from importing import Imported, import_bytes

from zdtrace.analysis.better_logs import TITLES, controller_of, nginx_format, setting

STAMP = "2026-11-24T16:00:05.500000000Z "
NGINX = {
    "msec": "1795536005.500", "request_time": "0.250", "status": "502", "request_uri": "/demo?token=c4nary",
    "http_x_request_id": "run-7", "req_id": "run-7", "request_id": "0f3e",
    "upstream_addr": "10.1.0.7:8080, 10.1.0.8:8080",
    "upstream_status": "502, 502", "upstream_connect_time": "-, 0.001", "connection_requests": "4", "pid": "29",
}


def written(line: str, stamp: str = STAMP) -> Imported:
    return import_bytes(f"{stamp}{line}\n".encode(), name="proxy.log")


@pytest.mark.parametrize("controller", ["ingress-nginx", "nginx-kic", "nginx"])
def test_nginx_says_each_try(controller: str) -> None:
    line = re.sub(r"\$(\w+)", lambda found: NGINX.get(found[1], "-"), nginx_format(controller))
    (row,) = written(line).tables["proxy_requests"]
    assert row["upstream_addresses"] == "10.1.0.7:8080, 10.1.0.8:8080"
    assert row["correlation_id"] == "run-7"
    assert (row["resolution_ns"], row["connection_requests"]) == (1_000_000, 4)
    assert row["ended_at_ns"] - row["started_at_ns"] == 250_000_000
    assert "c4nary" not in str(row)


def test_haproxy_says_the_pod_and_the_id_and_needs_no_zone() -> None:
    line = (
        "10.0.0.9:40000 [24/Nov/2026:17:00:05.250] http default_demo/SRV_1 0/0/0/-1/250 502 0 - - SH-- "
        '1/1/0/0/0 0/0 {run-7} "GET /demo HTTP/1.1" 10.1.0.7:8080'
    )
    (row,) = written(line).tables["proxy_requests"]
    assert (row["upstream_addresses"], row["correlation_id"], row["status"]) == ("10.1.0.7:8080", "run-7", 502)
    assert row["started_at_ns"] == 1_795_536_005_250_000_000, "the stamp tells that it writes UTC+1"


def test_captures_of_other_formats_are_no_ids() -> None:
    line = (
        "10.0.0.9:40000 [24/Nov/2026:16:00:05.250] http default_demo/SRV_1 0/0/0/-1/250 502 0 - - SH-- "
        '1/1/0/0/0 0/0 {example.com} "GET /demo HTTP/1.1"'
    )
    (row,) = written(line).tables["proxy_requests"]
    assert (row["upstream_addresses"], row["correlation_id"]) == ("SRV_1", None)


def test_contour_says_it_in_json() -> None:
    found = setting("contour")
    assert found is not None
    values = {
        "@timestamp": "2026-11-24T16:00:05.250Z", "response_code": 503, "response_flags": "UF", "duration": 250,
        "request_id": "run-7", "upstream_host": "10.1.0.7:8080", "method": "GET", "path": "/demo",
    }
    line = json.dumps({name: values.get(name) for name in yaml.safe_load(found.text)["json-fields"]})
    (row,) = written(line, stamp="").tables["proxy_requests"]
    assert (row["upstream_addresses"], row["correlation_id"]) == ("10.1.0.7:8080", "run-7")
    assert row["ended_at_ns"] - row["started_at_ns"] == 250_000_000


def test_traefik_keeps_the_id() -> None:
    found = setting("traefik", "edge", "traefik")
    assert found is not None
    assert [each["op"] for each in yaml.safe_load(found.text)] == ["add"] * 4
    assert "kubectl -n edge patch deployment traefik --type json" in found.command


@pytest.mark.parametrize("controller", TITLES)
def test_each_known_controller_has_a_text_and_a_command(controller: str) -> None:
    found = setting(controller)
    assert found is not None
    assert yaml.safe_load(found.text)
    assert found.command.startswith("kubectl -n ")


@pytest.mark.parametrize(("image", "controller"), [
    ("registry.k8s.io/ingress-nginx/controller:v1.12.1", "ingress-nginx"),
    ("nginx/nginx-ingress:5.0", "nginx-kic"),
    ("lab.local/nginx-ingress:1.12.5", "nginx-kic"),
    ("haproxytech/kubernetes-ingress:3.1", "haproxy"),
    ("ghcr.io/projectcontour/contour:v1.33.0", "contour"),
    ("docker.io/envoyproxy/envoy:v1.35.0", "envoy"),
    ("docker.io/traefik:v3.5", "traefik"),
    ("nginx:1.29", ""),
])
def test_what_an_image_is(image: str, controller: str) -> None:
    assert controller_of(image) == controller
