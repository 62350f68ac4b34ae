"""ghz's JSON: END of each gRPC call in ns, latency in ns, the status by its name.

Source: ghz runner/stats_handler.go (the timestamp is the stats event's EndTime), printer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.importers.base import Head, Options, Reading, Records, Rows
from zdtrace.importers.json_values import json_documents
from zdtrace.importers.text import Reject

HTTP_OF_GRPC = {
    "OK": 200,
    "Canceled": 499,
    "Unknown": 500,
    "InvalidArgument": 400,
    "DeadlineExceeded": 504,
    "NotFound": 404,
    "AlreadyExists": 409,
    "PermissionDenied": 403,
    "ResourceExhausted": 429,
    "FailedPrecondition": 400,
    "Aborted": 409,
    "OutOfRange": 400,
    "Unimplemented": 501,
    "Internal": 500,
    "Unavailable": 503,
    "DataLoss": 500,
    "Unauthenticated": 401,
}
"""The mapping of google.rpc.Code: what a gateway would answer."""
_FIELDS = ("timestamp", "latency", "status", "error")


@dataclass(frozen=True)
class GhzJson:
    """`ghz -O json`."""

    name: str = "ghz-json"
    title: str = "ghz -O json"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the report's own keys."""
        return bool(re.match(r"\s*\{", head.text)) and '"endReason"' in head.text and '"options"' in head.text

    def read(self, head: Head, options: Options) -> Reading:
        """Each element of `details` is a call; one that never reached a server has the client's status."""
        mapped = " ".join(f"when '{name}' then {status}" for name, status in HTTP_OF_GRPC.items())
        end = "iso_ns(r.timestamp)"
        columns = {
            "started_at_ns": f"{end} - try_cast(r.latency as bigint)",
            "ended_at_ns": end,
            "resolution_ns": "1",
            "status": f"case r.status {mapped} end",
            "error": "case when r.status is distinct from 'OK' then "
            "coalesce(nullif(r.error, ''), nullif(r.status, ''), 'no status') end",
        }
        return Reading(
            raw=Records(dict.fromkeys(_FIELDS, "VARCHAR"), _details),
            rows=(Rows("requests", columns),),
            reject="case when try_cast(r.latency as bigint) < 0 then 'negative latency' end",
            written="end and latency",
            notes=("gRPC statuses are mapped to HTTP: Unavailable 503, DeadlineExceeded 504, Canceled 499",),
        )


def _details(path: Path) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    """Yield the elements of `details` one by one, of each report in the file: hours of them do not fit in memory."""
    for number, found in enumerate(json_documents(path, "details"), 1):
        if isinstance(found, Reject):
            yield Reject(number, found.reason)
        elif found.of_list is None:
            yield Reject(number, "no array `details`")
        else:
            yield number, {name: _text(found.value.get(name)) for name in _FIELDS}


def _text(value: Any) -> str | None:
    # What is no UTF-8 was read as halves of characters, which nothing takes.
    return None if value is None else str(value)[:10_000].encode(errors="replace").decode()
