"""fortio's access log, what it says on stderr, and its result.

The access log has a line a request, START in ns and latency in s; every request without a response is `-1`,
whatever went wrong: the words for it are on stderr only, with the thread. The result JSON counts per status.
Source: fortio/periodic/periodic.go, fhttp/http_client.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.importers.base import Head, JsonLines, Options, Pattern, Reading, Records, Rows
from zdtrace.importers.summary import COUNTS, Summary, counts_of, instant_ns
from zdtrace.importers.text import Reject

_COLUMNS = {
    "started_at_ns": "r.timestamp::bigint",
    "ended_at_ns": "r.timestamp::bigint + s_ns(r.latency)",
    "resolution_ns": "1000",
    # Nearly all are 200: asked first, the rest is worked out for few.
    "status": "case when r.details = '200' then 200 "
              "when try_cast(r.details as integer) between 100 and 999 then r.details::integer end",
    "error": "case when r.details = '200' then null when try_cast(r.details as integer) is null then "
             "case when r.ok::boolean is distinct from true then r.details end "
             "when r.details::integer not between 100 and 999 then 'no response' end",
    "thread": "r.thread",
}
# fgrpc and tcprunner write words: those of an error, or of success.
_NO_STATUS = """case when r.details = '200' then null when coalesce(r.details, '') = '' then 'no status'
    when try_cast(r.details as integer) is null and r.ok::boolean is true and r.details not in ('SERVING', 'OK')
    or try_cast(r.details as integer) > 999 or try_cast(r.details as integer) between 1 and 99
    then 'no known status' end"""
_WRITTEN = "start and latency"
# fhttp/http_client.go, "switching code to 204", with ok=true.
_NOTES = ("a 204 can be a body that was cut short: fortio -stdclient writes it so",)


@dataclass(frozen=True)
class FortioJson:
    """`-access-log-format json`."""

    name: str = "fortio-json"
    title: str = "fortio access log (json)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the six keys of a line."""
        return head.has_objects_with("latency", "timestamp", "thread", "iter", "ok", "details")

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request."""
        fields = {"timestamp": "BIGINT", "latency": "DOUBLE", "thread": "VARCHAR", "ok": "BOOLEAN",
                  "details": "VARCHAR"}
        return Reading(
            raw=JsonLines(fields),
            rows=(Rows("requests", _COLUMNS),),
            reject=_NO_STATUS,
            written=_WRITTEN,
            resolution_ns=1000,
            notes=_NOTES,
        )


@dataclass(frozen=True)
class FortioInflux:
    """`-access-log-format influx`."""

    name: str = "fortio-influx"
    title: str = "fortio access log (influx)"
    clock: str = "client"

    pattern = (
        r'^latency,thread=(?P<thread>\d+),ok=(?P<ok>true|false) value=(?P<latency>[^,\s]+),'
        r'details="(?P<details>[^"]*)" (?P<timestamp>\d+)\s*$'
    )

    def sniff(self, head: Head) -> bool:
        """Look for the measurement and its tags."""
        return head.matches(re.compile(r"^latency,thread=\d+,ok=(true|false) value="))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request."""
        return Reading(
            raw=Pattern(self.pattern, required="timestamp"),
            rows=(Rows("requests", _COLUMNS),),
            reject=_NO_STATUS,
            written=_WRITTEN,
            resolution_ns=1000,
            notes=_NOTES,
        )


@dataclass(frozen=True)
class FortioStderr:
    """What fortio writes to stderr: JSON lines about errors, with the thread, between lines for people."""

    name: str = "fortio-stderr"
    title: str = "fortio's messages (stderr)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for fortio's own logger: time, level, goroutine, Go file."""
        return head.has_objects_with("ts", "level", "r", "file", "line", "msg") and (
            "ortio" in head.text or "http_client.go" in head.text
        )

    def read(self, head: Head, options: Options) -> Reading:
        """A JSON line with a thread is a message; everything else is talk."""
        columns = {
            "logged_at_ns": "epoch_s_ns(r.ts)",
            "resolution_ns": "1000",
            "level": "r.level",
            "thread": "r.thread",
            "message": "concat_ws(': ', r.msg, r.err)",
        }
        fields = dict.fromkeys(("ts", "level", "thread", "msg", "err"), "VARCHAR")
        return Reading(
            raw=JsonLines(fields),
            rows=(Rows("client_messages", columns),),
            skip="not starts_with(text, '{') or (r is not null and (r.thread is null or r.ts is null))",
            written="instant",
            resolution_ns=1000,
            notes=("explains the requests of fortio's access log that got no response",),
        )


@dataclass(frozen=True)
class FortioResult:
    """`-json FILE`: histogram and counts, no single requests; taken as a cross-check of the access log."""

    name: str = "fortio-result"
    title: str = "fortio result (summary)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the result's first keys."""
        return bool(re.match(r'\s*\{\s*"RunType"\s*:', head.text)) and '"StartTime"' in head.text

    def read(self, head: Head, options: Options) -> Reading:
        """One row for each status that the result counts."""
        return Reading(
            raw=Records(COUNTS, _counts),
            rows=(Rows("expected_counts", {name: f"r.{name}" for name in COUNTS}),),
            written="summary",
            notes=("holds no single requests: used to check the counts of fortio's access log",),
        )


def _counts(path: Path) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    def summary(result: Mapping[str, Any]) -> Summary:
        started = instant_ns(result["StartTime"])
        ended = started + int(result.get("ActualDuration", 0))
        codes = dict(result["RetCodes"])
        return Summary(tool="fortio", requests=codes, started_at_ns=started, ended_at_ns=ended)

    yield from counts_of(path, summary)
