"""ghz's JSON: END of each gRPC call in ns, latency in ns, the status by its name.

Source: ghz runner/stats_handler.go (the timestamp is the stats event's EndTime), printer.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.importers.base import Head, Options, Reading, Records, Rows
from zdtrace.importers.text import MAX_LINE_BYTES, Reject

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
_CHUNK = 1 << 20
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
    """Yield the elements of `details` one by one: a report of hours does not fit into memory."""
    number = 0
    for number, element in enumerate(array_elements(path, "details"), 1):
        if isinstance(element, Reject):
            yield Reject(number, element.reason)
            continue
        if not isinstance(element, dict):
            yield Reject(number, "not an object")
            continue
        values = {name: element.get(name) for name in _FIELDS}
        yield number, {name: None if value is None else str(value)[:10_000] for name, value in values.items()}


def array_elements(path: Path, key: str) -> Iterator[Any]:
    """Yield the elements of the first array `"key": [...]` of a JSON document; a Reject where it breaks."""
    opening = re.compile(f'"{re.escape(key)}"\\s*:\\s*\\[')
    is_inside, text = False, ""
    for chunk, is_last in _text(path):
        text += chunk
        if not is_inside:
            found = opening.search(text)
            if not found:
                text = text[-len(key) - 100 :]
                continue
            is_inside, text = True, text[found.end() :]
        elements, at = _whole(text, is_last=is_last)
        yield from elements
        text = text[at:]
        if text.startswith("]"):
            return
        if len(text) > MAX_LINE_BYTES + _CHUNK:
            break
    yield Reject(1, "the document ends or breaks within an element" if is_inside else f"no array `{key}`")


def _text(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield a file's text in pieces, each with whether it is the last."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield decoder.decode(chunk), False
    yield decoder.decode(b"", True), True


def _whole(text: str, *, is_last: bool) -> tuple[list[Any], int]:
    """Return the elements that are whole, and where the rest begins: at `]` when nothing follows."""
    decoder, at = json.JSONDecoder(), 0
    found: list[Any] = []
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            element, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return found, at
        if end == len(text) and not is_last:
            return found, at  # a number may go on in the next piece
        found.append(element)
        at = end
