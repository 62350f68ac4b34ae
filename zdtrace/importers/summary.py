"""A tool's own counts per status, whatever its JSON looks like: rows of `expected_counts`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from zdtrace.importers.text import Reject

COUNTS = {
    "started_at_ns": "BIGINT",
    "ended_at_ns": "BIGINT",
    "status": "INTEGER",
    "requests": "BIGINT",
    "label": "VARCHAR",
    "tool": "VARCHAR",
}
"""Fields of the records that `counts_of` yields: columns of `expected_counts`."""
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a result file counts: requests by the tool's own word, which is a status code or an error."""

    tool: str
    requests: Mapping[str, Any]
    started_at_ns: int | None = None
    ended_at_ns: int | None = None


def counts_of(
    path: Path, summarise: Callable[[Mapping[str, Any]], Summary]
) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    """Yield one record for each group of requests in a JSON document, or the reject that it became."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("over 64 MB")
        summary = summarise(json.loads(path.read_bytes()))
        if not -(1 << 63) <= (summary.ended_at_ns or 0) < 1 << 63:
            raise ValueError("a run that never ends")
        groups = sorted(summary.requests.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        yield Reject(1, f"not a whole result: {type(error).__name__}")
        return
    for number, (label, count) in enumerate(groups, 1):
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < 1 << 63:
            yield Reject(number, "a count that is no number")
            continue
        status = int(label) if re.fullmatch(r"[1-9]\d\d", label) else None
        yield (
            number,
            {
                "tool": summary.tool,
                "status": status,
                "requests": count,
                "label": label,
                "started_at_ns": summary.started_at_ns,
                "ended_at_ns": summary.ended_at_ns,
            },
        )


def instant_ns(text: str) -> int:
    """Return an RFC 3339 instant in ns. Raises ValueError when it has no zone, or is none."""
    fraction = re.search(r"[.,](\d+)", text)
    moment = datetime.fromisoformat(re.sub(r"[.,]\d+", "", text))
    if moment.tzinfo is None or not 2000 <= moment.year < 2100:
        raise ValueError("an instant without a zone, or not of this century")
    return round(moment.timestamp()) * 1_000_000_000 + (int(fraction[1][:9].ljust(9, "0")) if fraction else 0)
