"""h2load `--log-file`: START in us since 1970, status, latency in us; no row without a response."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.importers.base import Head, Options, Pattern, Reading, Rows


@dataclass(frozen=True)
class H2load:
    """Three columns between tabs, no header."""

    name: str = "h2load"
    title: str = "h2load --log-file"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for 16 digits, a status and a number."""
        return head.matches(re.compile(r"^\d{16}\t-?\d+\t\d+\s*$"))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request; a stream that was reset has status -1."""
        start = "epoch_us_ns(r.start)"
        columns = {
            "started_at_ns": start,
            "ended_at_ns": f"{start} + us_ns(r.latency)",
            "resolution_ns": "1000",
            "status": "case when r.status::integer between 100 and 999 then r.status::integer end",
            "error": "case when r.status::integer not between 100 and 999 then 'no response' end",
        }
        return Reading(
            raw=Pattern(r"^(?P<start>\d{16})\t(?P<status>-?\d{1,9})\t(?P<latency>\d+)\s*$", required="start"),
            rows=(Rows("requests", columns),),
            written="start and latency",
            resolution_ns=1000,
            shows_failures=False,
            notes=(
                "h2load leaves out requests that were refused or never sent; it stops when connections break",
            ),
        )
