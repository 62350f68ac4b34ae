"""Caddy's JSON log: its access log, and the errors of its reverse proxy.

`ts` is the END, in s since 1970 as a float; a client that went away has status 0; a body that was cut short
has a `size` below its own Content-Length. The address that failed is only in the error log
(`http.log.error`).
"""

from __future__ import annotations

from dataclasses import dataclass

from zdtrace.importers.base import Head, JsonLines, Options, Reading, Rows
from zdtrace.importers.nginx_variables import vegeta_id

_FIELDS = {
    "level": "VARCHAR",
    "ts": "VARCHAR",
    "logger": "VARCHAR",
    "msg": "VARCHAR",
    "request": "JSON",
    "duration": "DOUBLE",
    "size": "BIGINT",
    "status": "INTEGER",
    "resp_headers": "JSON",
}
_END = "coalesce(epoch_s_ns(r.ts), iso_ns(r.ts))"
_CLIENT = "concat_ws(':', r.request ->> '$.remote_ip', r.request ->> '$.remote_port')"
_ADDRESS = r"(\[[0-9a-fA-F:]+\]:\d+|[0-9.]+:\d+)"
_LENGTH = """try_cast(r.resp_headers ->> '$."Content-Length"[0]' as bigint)"""
_HEADER = """r.request ->> '$.headers."{}"[0]'"""
_VEGETA_ID = vegeta_id(f"({_HEADER.format('X-Vegeta-Attack')})", f"({_HEADER.format('X-Vegeta-Seq')})")

_REQUEST = {
    "started_at_ns": f"{_END} - s_ns(r.duration)",
    "ended_at_ns": _END,
    # A float of this size has steps of a quarter of a microsecond.
    "resolution_ns": "1000",
    "proxy": "'caddy'",
    "status": "nullif(r.status, 0)",
    "method": "r.request ->> '$.method'",
    "host": "r.request ->> '$.host'",
    "path": "r.request ->> '$.uri'",
    "correlation_id": f"coalesce({_HEADER.format('X-Request-Id')}, {_VEGETA_ID})",
    "client_address": _CLIENT,
    "bytes_sent": "r.size",
    "is_truncated": f"case when r.status in (0, 204, 304) or (r.request ->> '$.method') = 'HEAD' then null "
    f"else r.size < {_LENGTH} end",
}
_ERROR = {
    "logged_at_ns": _END,
    "resolution_ns": "1000",
    "proxy": "'caddy'",
    "event": "'upstream_error'",
    "level": "r.level",
    "upstream_address": rf"nullif(regexp_extract(r.msg, '(?:dial tcp |->){_ADDRESS}', 1), '')",
    "host": "r.request ->> '$.host'",
    "path": "r.request ->> '$.uri'",
    "client_address": _CLIENT,
    "duration_ms": "r.duration * 1000",
    "message": "r.msg",
}
_IS_REQUEST = "coalesce(starts_with(r.logger, 'http.log.access'), false)"
_IS_ERROR = "coalesce(starts_with(r.logger, 'http.log.error') and r.status >= 500, false)"


@dataclass(frozen=True)
class CaddyJson:
    """Access log and error log may be in one file; Caddy's other loggers are passed over."""

    name: str = "caddy-json"
    title: str = "Caddy log (JSON)"
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for one of the two loggers."""
        return any(
            str(each.get("logger", "")).startswith(("http.log.access", "http.log.error"))
            for each in head.objects
        )

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request, or an error of an upstream."""
        return Reading(
            raw=JsonLines(_FIELDS),
            rows=(
                Rows("proxy_requests", _REQUEST, when=_IS_REQUEST),
                Rows("proxy_events", _ERROR, when=_IS_ERROR),
            ),
            written="end and latency",
            resolution_ns=1000,
            skip=f"r is not null and r.logger is not null and not {_IS_REQUEST} and not {_IS_ERROR}",
            # Headers of requests, cookies among them, are in each line.
            withhold_rejects=True,
        )
