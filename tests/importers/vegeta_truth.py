"""The client's side of the proxies' samples: what vegeta got for each request, to compare a proxy's log with.

The samples were made by two vegeta runs through the proxy: `/item` (and `/retry`) at 12/s with 3 s timeout,
and `/impatient` at 5/s with 0.5 s timeout.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from importing import Row


@dataclass(frozen=True)
class Sent:
    """One request as the client saw it. Code 0: no whole answer."""

    started_at_ns: int
    ended_at_ns: int
    code: int
    error: str
    path: str
    correlation_id: str

    @property
    def gave_up(self) -> bool:
        return "deadline exceeded" in self.error

    @property
    def was_cut_short(self) -> bool:
        return self.error == "unexpected EOF"


def sent(folder: Path) -> list[Sent]:
    """Return the client's requests in the order of their start."""
    found = [_sent(json.loads(line)) for line in (folder / "client_vegeta.ndjson").read_text().splitlines()]
    return sorted(found, key=lambda each: each.started_at_ns)


def pairs(folder: Path, rows: list[Row]) -> list[tuple[Sent, Row]]:
    """Lay the proxy's rows beside the client's: for each kind of path the n-th started, the n-th sent."""
    client = sent(folder)
    found: list[tuple[Sent, Row]] = []
    for kind in ("item", "impatient", "retry"):
        theirs = [each for each in client if _kind(each.path) == kind]
        ours = sorted(
            (row for row in rows if _kind(row["path"]) == kind),
            key=lambda row: (row["started_at_ns"], row["line"]),
        )
        assert len(theirs) == len(ours)
        found += zip(theirs, ours, strict=True)
    assert len(found) == len(rows) == len(client)
    return found


def _kind(path: str) -> str:
    return "retry" if "/retry/" in path else path.partition("?")[0].rpartition("/")[2]


def _sent(record: dict[str, object]) -> Sent:
    start = _ns(str(record["timestamp"]))
    latency = record["latency"]
    assert isinstance(latency, int)
    return Sent(
        started_at_ns=start,
        ended_at_ns=start + latency,
        code=int(str(record["code"])),
        error=str(record["error"]),
        path=str(record["url"]),
        correlation_id=f"{record['attack']}/{record['seq']}",
    )


def _ns(written: str) -> int:
    seconds, _, fraction = written.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 1_000_000_000 + int(
        fraction.ljust(9, "0")
    )
