"""What nginx' log variables mean: from `$msec`, `$upstream_addr`, … to the columns of `proxy_requests`.

nginx writes a line when a request ENDS. `$upstream_…` are lists, one item an attempt, with `, ` between them
and ` : ` before those of an internal redirect; they are kept as they are.
Source: ngx_http_log_module.c, ngx_http_upstream.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TIMES = ("msec", "time_iso8601", "time_local")
"""Variables that date a line, the finest first."""

NO_LATENCY = "has no $request_time: a request's start is not known, its end is taken for both"
ONE_SECOND = "has whole seconds only: log $msec to tell what came first"

_LISTS = {
    "upstream_statuses": ("upstream_status",),
    "upstream_connect_times_s": ("upstream_connect_time",),
    "upstream_header_times_s": ("upstream_header_time",),
    "upstream_response_times_s": ("upstream_response_time",),
    "upstream_response_bytes": ("upstream_response_length", "upstream_bytes_received"),
}
_PLAIN = {
    "host": ("host", "http_host", "server_name"),
    "proxy_request_id": ("req_id", "request_id"),
    "process_id": ("pid",),
    "connection_id": ("connection",),
    "connection_requests": ("connection_requests",),
    "bytes_sent": ("body_bytes_sent", "bytes_sent"),
    "upstream_name": ("proxy_upstream_name", "proxy_host"),
    "upstream_addresses": ("upstream_addr",),
}
USED = frozenset(
    [
        *TIMES,
        "request_time",
        "status",
        "request",
        "request_method",
        "request_uri",
        "uri",
        "remote_addr",
        "remote_port",
        "http_x_request_id",
        "http_x_vegeta_attack",
        "http_x_vegeta_seq",
    ]
    + [name for names in (*_LISTS.values(), *_PLAIN.values()) for name in names]
)
"""Variables that become columns; the others are read over."""


@dataclass(frozen=True, slots=True)
class Variables:
    """Which variables a log has: SQL for each one's text (or number)."""

    sql: Mapping[str, str]

    def __contains__(self, name: str) -> bool:
        """Tell whether the log has a variable."""
        return name in self.sql

    @property
    def time(self) -> str | None:
        """The finest variable that dates a line; null when there is none."""
        return next((name for name in TIMES if name in self), None)

    @property
    def resolution_ns(self) -> int:
        """How much later than written an instant may be."""
        return 1_000_000 if self.time == "msec" else 1_000_000_000

    @property
    def written(self) -> str:
        """Which instants the log holds."""
        return "end and latency" if "request_time" in self else "end"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about this choice of variables."""
        notes = () if "request_time" in self else (NO_LATENCY,)
        return notes if self.time == "msec" else (*notes, ONE_SECOND)

    def columns(self, proxy: str) -> dict[str, str]:
        """Return SQL for the columns of `proxy_requests`."""
        end = self._end()
        start = f"{end} - {_ms_precise_ns(self.sql['request_time'])}" if "request_time" in self else end
        columns = {
            "started_at_ns": start,
            "ended_at_ns": end,
            "resolution_ns": str(self.resolution_ns),
            "proxy": f"'{proxy}'",
            "method": self._method(),
            "path": self._path(),
            "correlation_id": self._correlation_id(),
            "client_address": self._client(),
        }
        if "status" in self:
            columns["status"] = f"nullif(try_cast({self.sql['status']} as integer), 0)"
        for column, names in _PLAIN.items():
            columns[column] = self._first(names, "dash_null({})")
        for column, names in _LISTS.items():
            columns[column] = self._first(names, "nullif({}, '')")
        return {name: expression for name, expression in columns.items() if expression != "null"}

    def _end(self) -> str:
        match self.time:
            case "msec":
                return _ms_precise_ns(self.sql["msec"])
            case "time_iso8601":
                return f"iso_ns({self.sql['time_iso8601']})"
            case _:
                return f"clf_ns({self.sql['time_local']})"

    def _first(self, names: tuple[str, ...], wrapped: str) -> str:
        return next((wrapped.format(self.sql[name]) for name in names if name in self), "null")

    def _method(self) -> str:
        if "request_method" in self:
            return f"dash_null({self.sql['request_method']})"
        return f"request_method({self.sql['request']})" if "request" in self else "null"

    def _path(self) -> str:
        # `$request_uri` is what the client sent; `$uri` is what rewrites made of it, without the query.
        if "request_uri" in self:
            return f"dash_null({self.sql['request_uri']})"
        if "request" in self:
            return f"request_path({self.sql['request']})"
        return self._first(("uri",), "dash_null({})")

    def _correlation_id(self) -> str:
        found = [f"dash_null({self.sql[name]})" for name in ("http_x_request_id",) if name in self]
        if "http_x_vegeta_seq" in self:
            attack = self.sql.get("http_x_vegeta_attack", "null")
            found.append(vegeta_id(attack, self.sql["http_x_vegeta_seq"]))
        return f"coalesce({', '.join(found)})" if len(found) > 1 else "".join(found) or "null"

    def _client(self) -> str:
        if "remote_port" in self and "remote_addr" in self:
            return (
                f"concat_ws(':', dash_null({self.sql['remote_addr']}), dash_null({self.sql['remote_port']}))"
            )
        return self._first(("remote_addr",), "dash_null({})")


def vegeta_id(attack: str, sequence: str) -> str:
    """Return SQL for the id that vegeta gives a request: `attack/sequence`; null without a sequence."""
    return f"coalesce(dash_null({attack}), '') || '/' || dash_null({sequence})"


def _ms_precise_ns(seconds: str) -> str:
    # A DOUBLE holds epoch seconds to the quarter of a microsecond; nginx writes milliseconds.
    return f"(try_cast({seconds} as double) * 1000)::bigint * 1000000"
