"""vegeta: results as JSON or CSV, START and latency in ns; the report's counts as a cross-check.

A request without a response has code 0 and Go's words for it; a body cut short is such a request too. vegeta
sends X-Vegeta-Attack and X-Vegeta-Seq, so a proxy that logs them can be joined exactly.
Source: vegeta lib/attack.go, lib/results.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.importers.base import Delimited, Head, JsonLines, Options, Reading, Records, Rows
from zdtrace.importers.nginx_variables import vegeta_id
from zdtrace.importers.summary import COUNTS, Summary, counts_of, instant_ns
from zdtrace.importers.text import Reject

_WRITTEN = "start and latency"
_CSV_NAMES = (
    "timestamp",
    "code",
    "latency",
    "bytes_out",
    "bytes_in",
    "error",
    "body",
    "attack",
    "seq",
    "method",
    "url",
    "headers",
)
_NO_STATUS = """case when try_cast(r.code as integer) is null then 'no status'
    when try_cast(r.code as integer) <> 0 and try_cast(r.code as integer) not between 100 and 999
    then 'no known status' end"""
_POD_HEADERS = ("X-Pod", "X-Pod-Name", "X-Served-By", "X-Hostname", "X-Backend-Server")
"""Headers by which demos and middlewares name the pod that answered."""


def _columns(start: str, pod: str) -> dict[str, str]:
    status = "try_cast(r.code as integer)"
    return {
        "started_at_ns": start,
        "ended_at_ns": f"{start} + try_cast(r.latency as bigint)",
        "resolution_ns": "1",
        "status": f"case when {status} between 100 and 999 then {status} end",
        "error": f"case when {status} between 100 and 999 then nullif(r.error, '') "
        "else coalesce(nullif(r.error, ''), 'no response') end",
        "method": "nullif(r.method, '')",
        "url": "nullif(r.url, '')",
        "correlation_id": vegeta_id("r.attack", "r.seq"),
        "pod_name": pod,
    }


@dataclass(frozen=True)
class VegetaJson:
    """`vegeta encode -to json`."""

    name: str = "vegeta-json"
    title: str = "vegeta encode -to json"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for keys that no other tool has together."""
        return head.has_objects_with("attack", "seq", "code", "timestamp", "latency")

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request; bodies are not even parsed."""
        fields = {
            "timestamp": "VARCHAR",
            "latency": "BIGINT",
            "code": "INTEGER",
            "error": "VARCHAR",
            "method": "VARCHAR",
            "url": "VARCHAR",
            "attack": "VARCHAR",
            "seq": "VARCHAR",
            "headers": "JSON",
        }
        pods = ", ".join(f"r.headers->>'$.\"{name}\"[0]'" for name in _POD_HEADERS)
        columns = _columns("iso_ns(r.timestamp)", f"coalesce({pods})")
        return Reading(
            raw=JsonLines(fields),
            rows=(Rows("requests", columns),),
            reject=_NO_STATUS,
            written=_WRITTEN,
            # A line holds the response's headers and body.
            withhold_rejects=True,
        )


@dataclass(frozen=True)
class VegetaCsv:
    """`vegeta encode -to csv`: twelve columns without a header; body and headers are base64."""

    name: str = "vegeta-csv"
    title: str = "vegeta encode -to csv"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for ns, code, ns and two sizes."""
        return head.matches(re.compile(r"^\d{19},\d{1,3},\d+,\d+,\d+,"))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request; of its headers only those that name the pod are kept."""
        headers = "coalesce(try(decode(from_base64(r.headers))), '')"
        names = "|".join(_POD_HEADERS)
        pod = f"nullif(regexp_extract({headers}, '(?im)^(?:{names}): *([^\\r\\n]+)', 1), '')"
        columns = _columns("try_cast(r.timestamp as bigint)", pod)
        return Reading(
            raw=Delimited(_CSV_NAMES, header=False),
            rows=(Rows("requests", columns),),
            reject=_NO_STATUS,
            written=_WRITTEN,
            withhold_rejects=True,
        )


@dataclass(frozen=True)
class VegetaReport:
    """`vegeta report -type json`: counts per code."""

    name: str = "vegeta-report"
    title: str = "vegeta report -type json (summary)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the report's own keys."""
        return bool(re.match(r'\s*\{\s*"latencies"\s*:', head.text)) and '"bytes_in"' in head.text

    def read(self, head: Head, options: Options) -> Reading:
        """One row for each code; 0 is a request without a response."""
        return Reading(
            raw=Records(COUNTS, _report),
            rows=(Rows("expected_counts", {name: f"r.{name}" for name in COUNTS}),),
            written="summary",
            notes=("holds no single requests: used to check the counts of vegeta's results",),
        )


def _report(path: Path) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    def summary(report: Mapping[str, Any]) -> Summary:
        return Summary(
            tool="vegeta",
            started_at_ns=instant_ns(report["earliest"]),
            ended_at_ns=instant_ns(report["end"]),
            requests={str(code): count for code, count in report["status_codes"].items()},
        )

    yield from counts_of(path, summary)
