"""oha and hey: START in seconds since the run began, and no row for a request that failed.

Only oha's SQLite file says when the run began, in whole seconds. oha's JSON counts the failures: a
cross-check that shows how many rows are missing.
Source: oha src/printer.rs, src/db.rs; hey requester/report.go.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Delimited, Head, Options, Reading, Records, Rows
from zdtrace.importers.summary import COUNTS, Summary, counts_of
from zdtrace.importers.text import Reject

_NO_FAILURES = "{} leaves out every request that failed: this log cannot show them"
_STATUS = "case when try_cast(r.status as integer) between 100 and 999 then r.status::integer end"
_NO_STATUS = "case when try_cast(r.status as integer) is null then 'no status' end"


def started_at_ns(head: Head, options: Options, tool: str, *, instead: str = "") -> int:
    """Return when the run began. Raises UnusableFile, naming the option, when the user did not say it."""
    if options.started_at_ns is None:
        raise UnusableFile(
            head.path,
            f"{tool} writes seconds since the start of the run, not when that was",
            hint=f"add --started-at 2026-11-23T16:00:00.000Z (`date -u +%FT%T.%3NZ` before the run){instead}",
        )
    return options.started_at_ns


@dataclass(frozen=True)
class HeyCsv:
    """`hey -o csv`."""

    name: str = "hey-csv"
    title: str = "hey -o csv"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the header."""
        return head.text.startswith("response-time,DNS+dialup,DNS,")

    def read(self, head: Head, options: Options) -> Reading:
        """Take START from `offset`, which has four decimals."""
        began = started_at_ns(
            head, options, "hey", instead=", or use fortio, k6 or vegeta, which log failures too"
        )
        names = tuple(name.replace("status-code", "status") for name in head.raw_lines[0].split(","))
        start = f"{began} + s_ns(r.offset)"
        columns = {
            "started_at_ns": start,
            "ended_at_ns": f"{start} + s_ns(r.{_quoted('response-time')})",
            "resolution_ns": "100000",
            "status": _STATUS,
        }
        return Reading(
            raw=Delimited(_with(names, "offset", "response-time", "status", head=head)),
            rows=(Rows("requests", columns),),
            reject=_NO_STATUS,
            written="start (since the run's) and latency",
            resolution_ns=100_000,
            shows_failures=False,
            notes=(_NO_FAILURES.format("hey"), "hey counts a body that was cut short as 200"),
        )


@dataclass(frozen=True)
class OhaCsv:
    """`oha --output-format csv`."""

    name: str = "oha-csv"
    title: str = "oha --output-format csv"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the header."""
        return head.text.startswith("request-start,DNS,")

    def read(self, head: Head, options: Options) -> Reading:
        """Take START from `request-start`, in ns."""
        began = started_at_ns(
            head, options, "oha's CSV", instead=", or use --db-url FILE.sqlite, which knows it"
        )
        names = tuple(head.raw_lines[0].split(","))
        start = f"{began} + s_ns(r.{_quoted('request-start')})"
        columns = {
            "started_at_ns": start,
            "ended_at_ns": f"{start} + s_ns(r.{_quoted('request-duration')})",
            "resolution_ns": "1",
            "status": _STATUS,
        }
        return Reading(
            raw=Delimited(_with(names, "request-start", "request-duration", "status", head=head)),
            rows=(Rows("requests", columns),),
            reject=_NO_STATUS,
            written="start (since the run's) and latency",
            shows_failures=False,
            notes=(_NO_FAILURES.format("oha"),),
        )


@dataclass(frozen=True)
class OhaSqlite:
    """`oha --db-url FILE.sqlite`: START relative to `run`, a whole second."""

    name: str = "oha-sqlite"
    title: str = "oha --db-url"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for SQLite's magic and oha's table."""
        return head.data.startswith(b"SQLite format 3\x00") and b"CREATE TABLE oha" in head.data

    def read(self, head: Head, options: Options) -> Reading:
        """Take START from `run` and `start`; `--started-at` replaces `run` with something finer."""
        began = "epoch_s_ns(r.run)" if options.started_at_ns is None else str(options.started_at_ns)
        resolution = 1_000_000_000 if options.started_at_ns is None else 1
        start = f"{began} + s_ns(r.start)"
        columns = {
            "started_at_ns": start,
            "ended_at_ns": f"{start} + s_ns(r.duration)",
            "resolution_ns": str(resolution),
            "status": _STATUS,
            "url": "r.url",
        }
        fields = dict.fromkeys(("run", "start", "duration", "status", "url"), "VARCHAR")
        return Reading(
            raw=Records(fields, _sqlite_rows),
            rows=(Rows("requests", columns),),
            reject=_NO_STATUS,
            written="start (since the run's) and latency",
            resolution_ns=resolution,
            shows_failures=False,
            notes=(_NO_FAILURES.format("oha"),),
        )


@dataclass(frozen=True)
class OhaResult:
    """`oha --output-format json`: counts per status and per error."""

    name: str = "oha-result"
    title: str = "oha --output-format json (summary)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the result's own words."""
        return bool(re.match(r'\s*\{\s*"summary"\s*:', head.text)) and '"successRate"' in head.text

    def read(self, head: Head, options: Options) -> Reading:
        """One row for each status, and for each kind of error."""
        return Reading(
            raw=Records(COUNTS, _result),
            rows=(Rows("expected_counts", {name: f"r.{name}" for name in COUNTS}),),
            written="summary",
            notes=(
                "holds no single requests: used to check the counts of oha's rows; shows the missing ones",
            ),
        )


def _quoted(name: str) -> str:
    return f'"{name}"'


def _with(names: tuple[str, ...], *needed: str, head: Head) -> tuple[str, ...]:
    """Return the columns. Raises UnusableFile when one that is needed is missing, or one is there twice."""
    missing = [name for name in needed if name not in names]
    if missing or len(set(names)) < len(names):
        reason = (
            f"its header has no column {', '.join(missing)}" if missing else "two columns have the same name"
        )
        raise UnusableFile(
            head.path, reason, hint="describe its columns with --columns start=…,latency=…,status=…"
        )
    return names


def _sqlite_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    """Yield the rows of oha's table, read as text: a column of another type is a reject, not an error."""
    number = 0
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            db.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for number, row in enumerate(
                db.execute("select run, start, duration, status, url from oha order by rowid"), 1
            ):
                if any(isinstance(value, bytes) for value in row):
                    yield Reject(number, "binary where text belongs")
                    continue
                fields = zip(("run", "start", "duration", "status", "url"), row, strict=True)
                yield number, {name: None if value is None else str(value) for name, value in fields}
        finally:
            db.close()
    except (sqlite3.Error, ValueError, OverflowError) as error:
        yield Reject(number + 1, f"damaged database: {type(error).__name__}")


def _result(path: Path) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    def summary(result: Mapping[str, Any]) -> Summary:
        statuses, errors = result["statusCodeDistribution"], result["errorDistribution"]
        return Summary(tool="oha", requests={**dict(errors), **dict(statuses)})

    yield from counts_of(path, summary)
