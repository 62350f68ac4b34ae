"""goose's request log: START in ms since each *user* began, latency in ms; the run's start must be said.

Bodies are not read, so a response that was cut short is a 200 with success.
Source: goose src/logger.rs, src/metrics.rs (GooseRequestMetric).
"""

from __future__ import annotations

from dataclasses import dataclass

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Delimited, Head, JsonLines, Options, Reading, Rows
from zdtrace.importers.oha import started_at_ns

_FIELDS = ("elapsed", "final_url", "response_time", "status_code", "success", "user", "error", "raw")
_NOTES = (
    "goose counts time from the start of each user: exact for one user, early by the ramp-up for the others",
    "goose does not read bodies: one that was cut short is a 200",
)


def _reading(head: Head, options: Options, raw: JsonLines | Delimited, method: str) -> Reading:
    start = f"{started_at_ns(head, options, 'goose')} + ms_ns(r.elapsed)"
    status = "try_cast(r.status_code as integer)"
    columns = {
        "started_at_ns": start,
        "ended_at_ns": f"{start} + ms_ns(r.response_time)",
        "resolution_ns": "1000000",
        "status": f"case when {status} between 100 and 999 then {status} end",
        "error": f"case when {status} between 100 and 999 then nullif(r.error, '') "
        "else coalesce(nullif(r.error, ''), 'no response') end",
        "method": f"nullif(upper({method}), '')",
        "url": "nullif(r.final_url, '')",
        "thread": "r.user",
    }
    return Reading(
        raw=raw,
        rows=(Rows("requests", columns),),
        reject="case when try_cast(r.status_code as integer) is null then 'no status' "
        "when try_cast(r.elapsed as double) < 0 then 'negative time' end",
        written="start (since the user's) and latency",
        resolution_ns=1_000_000,
        notes=_NOTES,
    )


@dataclass(frozen=True)
class GooseJson:
    """`--request-log FILE --request-format json`."""

    name: str = "goose-json"
    title: str = "goose --request-log (json)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for keys of a request's metric."""
        return head.has_objects_with("elapsed", "response_time", "status_code", "success", "user")

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request."""
        fields = {**dict.fromkeys(_FIELDS, "VARCHAR"), "raw": "JSON"}
        return _reading(head, options, JsonLines(fields), "r.raw->>'$.method'")


@dataclass(frozen=True)
class GooseCsv:
    """`--request-log FILE --request-format csv`."""

    name: str = "goose-csv"
    title: str = "goose --request-log (csv)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the header."""
        return head.text.startswith("elapsed,scenario_index,")

    def read(self, head: Head, options: Options) -> Reading:
        """Take the columns by the header's names."""
        names = tuple(head.raw_lines[0].split(","))
        missing = [name for name in _FIELDS if name not in names]
        if missing or len(set(names)) < len(names):
            raise UnusableFile(head.path, f"its header lacks {', '.join(missing) or 'distinct names'}")
        return _reading(head, options, Delimited(names), r"regexp_extract(r.raw, 'method: (\w+)', 1)")


@dataclass(frozen=True)
class GooseErrors:
    """`--error-log`: the failures alone."""

    name: str = "goose-errors"
    title: str = "goose --error-log"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for keys of an error; there is no `success` among them."""
        return head.has_objects_with("elapsed", "error", "final_url", "response_time", "status_code", "user")

    def read(self, head: Head, options: Options) -> Reading:
        """Refuse: they are in the request log as well."""
        raise UnusableFile(
            head.path,
            "goose's error log has no request that succeeded",
            hint="run goose with `--request-log FILE --request-format json` and import FILE",
        )
