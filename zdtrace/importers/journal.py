"""The journal of `zdtrace record`: what it saw, when it did not listen, how far the clocks were apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zdtrace.importers import cluster
from zdtrace.importers.base import Head, Options, Reading, Records, Rows
from zdtrace.importers.json_values import parsed, raw_lines
from zdtrace.importers.text import Reject
from zdtrace.recording.redaction import Policy, redact_text
from zdtrace.recording.versions import Masker

_LINE = re.compile(r'^\{"seen_at_ns":\d+,"journal":1')
_OBJECT = re.compile(rb'\{"seen_at_ns":(\d{1,19}),"type":"([A-Z]+)","object":(?=\{)')
"""How we begin the line of an object."""
_LARGEST = 2**63 - 1
_TABLES = {
    "gap": ("gaps", {"from_ns": int, "until_ns": int, "subject": str, "reason": str, "is_healed": bool}),
    "clock": ("clock_samples", {
        "sampled_at_ns": int, "clock": str, "reference": str, "offset_lo_ns": int, "offset_hi_ns": int, "method": str,
    }),
    "mark": ("marks", {"started_at_ns": int, "ended_at_ns": int, "clock": str, "label": str}),
}
_OPTIONAL = ("until_ns", "is_healed", "ended_at_ns")
_DUCKDB = {int: "BIGINT", str: "VARCHAR", bool: "BOOLEAN"}
_FIELDS = {
    **cluster.FIELDS,
    **{name: _DUCKDB[kind] for _, fields in _TABLES.values() for name, kind in fields.items()},
    "what": "VARCHAR",
}
_OBJECTS = Rows("objects", cluster.ROWS[0].columns, when="r.what = 'object'")
_OTHERS = tuple(
    Rows(table, {name: f"r.{name}" for name in fields}, when=f"r.what = '{what}'")
    for what, (table, fields) in _TABLES.items()
)


@dataclass(frozen=True)
class RecordJournal:
    """`journal/cluster.ndjson` of a recording that is being closed or repaired."""

    name: str = "journal"
    title: str = "what zdtrace saw of the cluster"
    clock: str = "recorder"

    def sniff(self, head: Head) -> bool:
        """Look for its first line."""
        return bool(_LINE.match(head.text))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is an object, a gap, a clock sample or a mark; the rest is for whoever repairs it."""
        return Reading(
            raw=Records(_FIELDS, partial(_lines, rules=cluster.policy(options))),
            rows=(_OBJECTS, *_OTHERS),
            skip="r.what = 'ours'",
            written="instant of arrival",
            withhold_rejects=True,
        )


def _lines(path: Path, rules: Policy) -> Iterator[cluster.Record | Reject]:
    masker = Masker(rules)
    for number, line in raw_lines(path):
        yield line if isinstance(line, Reject) else _row(number, line, masker)


def _row(number: int, line: bytes, masker: Masker) -> cluster.Record | Reject:
    version = None
    if (begin := _OBJECT.match(line)) and line.endswith(b"}}\n"):
        # Nearly all lines: most of what they say was said, and masked, before.
        with suppress(ValueError, RecursionError):
            version = masker.read(line[begin.end() : -2], is_whole=False)
    if begin and version:
        found: dict[str, Any] = {"seen_at_ns": int(begin[1]), "type": begin[2].decode(), "object": version.found}
    else:
        said = parsed(number, line)
        if isinstance(said, Reject):
            return said
        found = said.value
    seen_at_ns = found.get("seen_at_ns")
    if not isinstance(seen_at_ns, int) or isinstance(seen_at_ns, bool) or not 0 < seen_at_ns <= _LARGEST:
        return Reject(number, "no time")
    if "type" in found:
        text = partial(masker.text, version) if version else None
        row = cluster.observed(number, found["type"], found.get("object"), seen_at_ns, masker.policy, text)
        return row if isinstance(row, Reject) else (number, {**row[1], "what": "object"})
    for what, (_, fields) in _TABLES.items():
        if what in found:
            return _told(number, what, found[what], fields)
    known = any(name in found for name in ("journal", "listening", "closed"))
    return (number, {"what": "ours"}) if known else Reject(number, "no known record")


def _told(line: int, what: str, values: object, fields: dict[str, type]) -> cluster.Record | Reject:
    if not isinstance(values, dict):
        return Reject(line, f"no {what}")
    row: dict[str, Any] = {"what": what}
    for name, kind in fields.items():
        value = values.get(name)
        if value is None and name in _OPTIONAL:
            continue
        if type(value) is not kind or (isinstance(value, int) and abs(value) > _LARGEST):
            return Reject(line, f"no {name}")
        row[name] = redact_text(value) if isinstance(value, str) else value
    return line, row

