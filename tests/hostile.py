"""A recording of strangers who mean harm: their texts are URLs, errors and names of pods, nodes and files."""

from __future__ import annotations

import json

EVIL = (
    "</script><script>window.evil = 1</script>", "</style><b>bold</b>", "<img src=x onerror=window.evil=1>",
    "javascript:window.evil=1", "\x1b[31mred\x1b[0m", "\u202egnp.exe", "=cmd|' /C calc'!A0", "[a](javascript:alert(1))",
    "{{ 7 * 7 }}", "'; drop table requests; --", "\x1b]8;;http://evil.test\x07here\x1b]8;;\x07",
    "\u2066\u2069\u200b\ufeffb",
    "]]><!-- <x:y/>", "@everyone #1 **b** `c` | d", "+1+1", "-2+3", "@SUM(1)", "\tx",
    "::warning::x\r\n::error::y",
    "--- !!python/object:os.system", "&amp;&lt;&#x41;", "\x00\x07\x08\x7f\x9b31m",
    "a" * 1_000_000,
)


def lines() -> dict[str, list[str]]:
    """Return the lines of a load test and of a watch, by file."""
    return {
        "k6 <b>&\"'.json": [k6_line(number, f"http://x/{text}", text) for number, text in enumerate(EVIL)],
        "pods.json": [pod(number, text[:300]) for number, text in enumerate(EVIL)],
    }


def k6_line(number: int, url: str, error: str) -> str:
    """Return a request that failed."""
    return json.dumps({
        "metric": "http_req_duration", "type": "Point",
        "data": {"time": f"2026-11-23T16:17:{number % 60:02}.{number // 60:06}Z", "value": 12.5, "tags": {
            "url": url, "name": url, "method": "GET", "status": "502", "error": error, "error_code": "1502",
            "expected_response": "false", "group": "", "proto": "HTTP/1.1", "scenario": "default",
        }},
    })


def pod(number: int, name: str) -> str:
    """Return a pod of that name, in the middle of its end."""
    return json.dumps({
        "type": "MODIFIED", "object": {
            "kind": "Pod", "apiVersion": "v1", "metadata": {
                "name": name, "namespace": "default", "uid": f"uid-{number}", "resourceVersion": str(100 + number),
                "creationTimestamp": "2026-11-23T16:17:00Z", "deletionTimestamp": "2026-11-23T16:17:35Z",
                "deletionGracePeriodSeconds": 30, "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": "set", "controller": True},
                ],
            },
            "spec": {
                "containers": [{"name": name, "image": name}], "nodeName": name, "terminationGracePeriodSeconds": 30,
            },
            "status": {"podIP": f"10.0.0.{number}", "conditions": [], "containerStatuses": []},
        },
    })
