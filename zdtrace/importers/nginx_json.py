"""nginx' access log as JSON lines. The user chose the keys: they are known by name, whatever the case.

Numbers may be quoted or not. Only the fields that become columns are parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from zdtrace.errors import UnusableFile
from zdtrace.importers import nginx_log_format
from zdtrace.importers.base import Head, JsonLines, Options, Reading, Rows
from zdtrace.importers.nginx_access import reading
from zdtrace.importers.nginx_variables import TIMES, USED, Variables
from zdtrace.importers.sql import identifier

_ALIASES = {
    "body_bytes_sent": ("body_bytes", "bytes"),
    "bytes_sent": (),
    "connection": ("conn", "connection_id"),
    "connection_requests": ("conn_reqs", "conn_requests"),
    "host": ("vhost", "authority"),
    "http_x_request_id": ("x_request_id", "x-request-id", "correlation_id"),
    "http_x_vegeta_attack": ("x_vegeta_attack",),
    "http_x_vegeta_seq": ("x_vegeta_seq",),
    "pid": ("worker", "worker_pid", "process_id"),
    "proxy_upstream_name": ("upstream_name", "upstream"),
    "remote_addr": ("remote", "client", "client_ip", "remote_ip"),
    "remote_port": ("client_port",),
    "req_id": (),
    "request": ("request_line",),
    "request_id": ("requestid", "trace_id"),
    "request_method": ("method", "http_method", "verb"),
    "request_time": ("request_duration", "req_time"),
    "request_uri": ("uri", "path", "url"),
    "status": ("status_code", "response_status"),
    "upstream_addr": ("upstream_address", "upstreamaddr"),
    "upstream_connect_time": (),
    "upstream_header_time": (),
    "upstream_response_length": (),
    "upstream_bytes_received": (),
    "upstream_response_time": ("upstream_time", "upstreamtime"),
    "upstream_status": ("upstream_response_status", "upstreamstatus"),
}
_TIME_KEYS = (
    "msec",
    "time_msec",
    "time_iso8601",
    "@timestamp",
    "time_local",
    "timestamp",
    "time",
    "ts",
    "datetime",
    "date",
)
_TIME_LOOKS = {
    "msec": re.compile(r"\d{9,10}(\.\d{1,6})?"),
    "time_iso8601": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "time_local": re.compile(r"\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"),
}
_ONLY_NGINX = frozenset(
    {"request_time", "body_bytes_sent", "upstream_addr", "upstream_status", "upstream_response_time"}
)
_NUMBERS = frozenset({"msec", "request_time"})


@dataclass(frozen=True)
class NginxJson:
    """A JSON object a line, with a status and at least one key that only nginx has."""

    name: str = "nginx-json"
    title: str = "nginx access log (JSON)"
    clock: str = "proxy"
    proxy: str = "nginx"

    def sniff(self, head: Head) -> bool:
        """Look for a status and a variable of nginx by name."""
        keys = keys_of(head)
        return "status" in keys and bool(_ONLY_NGINX & keys.keys()) and "logger" not in keys

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request. A given log_format reads also lines that are not quite JSON (`"status":-`)."""
        if options.log_format:
            return reading(nginx_log_format.compiled(options.log_format), self.proxy, withhold=True)
        keys = dated(head, keys_of(head))
        fields = {key: "DOUBLE" if name in _NUMBERS else "VARCHAR" for name, key in keys.items()}
        variables = Variables({name: f"r.{identifier(key)}" for name, key in keys.items()})
        return Reading(
            raw=JsonLines(fields),
            rows=(Rows("proxy_requests", variables.columns(self.proxy)),),
            written=variables.written,
            resolution_ns=variables.resolution_ns,
            # The user's keys may hold cookies and credentials.
            withhold_rejects=True,
            notes=variables.notes,
            changed=partial(_changed, keys),
        )


def keys_of(head: Head) -> dict[str, str]:
    """Return the key of each known variable in the file's objects."""
    seen: dict[str, tuple[str, Any]] = {}
    for each in head.objects:
        for key, value in each.items():
            if seen.get(key.lower(), ("", None))[1] in (None, "", "-"):
                seen[key.lower()] = (key, value)
    found = _time_keys(seen)
    for name in sorted(USED - _TIME_LOOKS.keys()):
        for alias in (name, *_ALIASES.get(name, ())):
            if alias in seen and seen[alias][0] not in found.values():
                found[name] = seen[alias][0]
                break
    return found


def _changed(keys: Mapping[str, str], later: Head) -> str | None:
    """Tell which keys of later lines the first ones have not, but for a second, coarser time."""
    finest = next((at for at, name in enumerate(TIMES) if name in keys), 0)
    passed_over = {*keys, *TIMES[finest:]}
    new = sorted(key for name, key in keys_of(later).items() if name not in passed_over or keys.get(name, key) != key)
    return (
        f"and others have {', '.join(new)}, which the first lines have not and nobody reads: "
        "the format has changed, so cut the log in two there"
    ) if new else None


def dated(head: Head, keys: dict[str, str]) -> dict[str, str]:
    """Return the keys, if one of them dates a line. Raises UnusableFile with advice otherwise."""
    if not _TIME_LOOKS.keys() & keys.keys():
        raise UnusableFile(
            head.path,
            "no key of its lines holds the time",
            hint='add "msec":"$msec" (best) or "time":"$time_iso8601" to the log_format, '
            'and "request_time":"$request_time"',
        )
    return keys


def _time_keys(seen: Mapping[str, tuple[str, Any]]) -> dict[str, str]:
    """Tell by its look which variable a key for the time holds."""
    found: dict[str, str] = {}
    for alias in _TIME_KEYS:
        if alias in seen:
            key, value = seen[alias]
            for name, look in _TIME_LOOKS.items():
                if name not in found and look.fullmatch(str(value)):
                    found[name] = key
    return found
