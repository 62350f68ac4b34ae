"""Traefik's access log, JSON (the better one) or Common Log Format.

JSON has the START in ns and the address of the pod; CLF has a start in whole seconds and a duration in ms.
Retries are counted, the pods that failed before the last one are not named. Source:
traefik/pkg/middlewares/accesslog.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.importers.base import Head, JsonLines, Options, Pattern, Reading, Rows

_FIELDS = {
    "StartUTC": "VARCHAR",
    "Duration": "BIGINT",
    "OriginDuration": "BIGINT",
    "DownstreamStatus": "INTEGER",
    "OriginStatus": "INTEGER",
    "RetryAttempts": "INTEGER",
    "RequestMethod": "VARCHAR",
    "RequestHost": "VARCHAR",
    "RequestPath": "VARCHAR",
    "ClientAddr": "VARCHAR",
    "DownstreamContentSize": "BIGINT",
    "OriginContentSize": "VARCHAR",
    "ServiceName": "VARCHAR",
    "ServiceAddr": "VARCHAR",
    "ServiceURL": "VARCHAR",
    "request_X-Request-Id": "VARCHAR",
}
# Before 2.x ServiceURL was an object; its text holds the address all the same.
_HOST_OF_URL = r"""nullif(regexp_extract({}, '(?:://|"Host":\s*")([^/"]+)', 1), '')"""
_ADDRESS = f"coalesce(nullif(r.ServiceAddr, ''), {_HOST_OF_URL.format('r.ServiceURL')})"
_HAS_ADDRESS = f"{_ADDRESS} is not null"
_JSON_COLUMNS = {
    "started_at_ns": "iso_ns(r.StartUTC)",
    "ended_at_ns": "iso_ns(r.StartUTC) + r.Duration",
    "resolution_ns": "1",
    "proxy": "'traefik'",
    "status": "nullif(r.DownstreamStatus, 0)",
    "method": "r.RequestMethod",
    "host": "dash_null(r.RequestHost)",
    "path": "r.RequestPath",
    "correlation_id": 'dash_null(r."request_X-Request-Id")',
    "client_address": "dash_null(r.ClientAddr)",
    "bytes_sent": "r.DownstreamContentSize",
    "upstream_name": "dash_null(r.ServiceName)",
    "upstream_addresses": _ADDRESS,
    "upstream_statuses": f"if({_HAS_ADDRESS}, coalesce(nullif(r.OriginStatus, 0)::varchar, '-'), null)",
    "upstream_response_times_s": f"if({_HAS_ADDRESS}, (r.OriginDuration / 1e9)::decimal(18, 6), null)",
    "upstream_response_bytes": f"case when {_HAS_ADDRESS} then r.OriginContentSize end",
    "attempts": f"case when {_HAS_ADDRESS} then r.RetryAttempts + 1 end",
}
_CLF = (
    r"^(?P<client>\S+) - .+? \[(?P<started>\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{1,3}|-) (?P<bytes>\d+|-) '
    r'"(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*" '
    r'\d+ "(?P<router>[^"]*)" "(?P<url>[^"]*)" (?P<duration>\d+)ms\s*$'
)
_CLF_COLUMNS = {
    "started_at_ns": "clf_ns(r.started)",
    "ended_at_ns": "clf_ns(r.started) + r.duration::bigint * 1000000",
    "resolution_ns": "1000000000",
    "proxy": "'traefik'",
    "status": "nullif(try_cast(r.status as integer), 0)",
    "method": "request_method(r.request)",
    "path": "request_path(r.request)",
    "client_address": "r.client",
    "bytes_sent": "r.bytes",
    "upstream_name": "dash_null(r.router)",
    "upstream_addresses": _HOST_OF_URL.format("r.url"),
}


@dataclass(frozen=True)
class TraefikJson:
    """`accessLog.format: json`."""

    name: str = "traefik-json"
    title: str = "Traefik access log (JSON)"
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for its start, duration and status."""
        return any({"StartUTC", "Duration", "DownstreamStatus"} <= each.keys() for each in head.objects)

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request; Traefik's own log, which may be in the same stream, is passed over."""
        return Reading(
            raw=JsonLines(_FIELDS),
            rows=(Rows("proxy_requests", _JSON_COLUMNS),),
            written="start and latency",
            skip="""r is not null and r.StartUTC is null and r.DownstreamStatus is null
                and try(json_extract_string(text, '$.message')) is not null""",
            # It may be told to keep headers of requests.
            withhold_rejects=True,
        )


@dataclass(frozen=True)
class TraefikClf:
    """`accessLog.format: common`, the default."""

    name: str = "traefik-clf"
    title: str = "Traefik access log (CLF)"
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for the router, the server and the duration at the end."""
        return head.matches(re.compile(_CLF))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request."""
        return Reading(
            raw=Pattern(_CLF, required="started"),
            rows=(Rows("proxy_requests", _CLF_COLUMNS),),
            written="start and latency",
            resolution_ns=1_000_000_000,
            notes=(
                "has whole seconds only: accessLog.format: json has nanoseconds and the number of retries",
            ),
        )
