"""Importing a file in a test: what came out of it, as plain Python values.

    found = import_file(path)                 # or import_bytes(b"...", name="access.log")
    found.source.rejects                      # the account, as the manifest has it
    found.requests[0]["status"]               # rows of a table as dicts, in the order of time
    found.column("proxy_requests", "status")  # one column as a list

The promise about accounting is checked on every import.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from zdtrace.importers import named, recognise
from zdtrace.importers.base import Options
from zdtrace.importers.taking import take
from zdtrace.recording.manifest import Source
from zdtrace.recording.store import extend, open_recording
from zdtrace.recording.tables import BY_NAME

SAMPLES = Path(__file__).parents[1] / "samples"
Row = dict[str, Any]
Take = Callable[..., "Imported"]


@dataclass(frozen=True)
class Imported:
    """What one file became: its source account and its rows, by table."""

    source: Source
    tables: Mapping[str, list[Row]]
    is_repeat: bool = False

    @property
    def requests(self) -> list[Row]:
        return self.tables["requests"]

    @property
    def rejects(self) -> list[Row]:
        return self.tables["rejects"]

    @property
    def failed(self) -> list[Row]:
        """Requests that count as failed by default."""
        return [row for row in self.requests if is_failed(row)]

    @property
    def statuses(self) -> Counter[int | None]:
        return Counter(row["status"] for row in self.requests)

    def column(self, table: str, name: str) -> list[Any]:
        return [row[name] for row in self.tables[table]]


def is_failed(row: Row) -> bool:
    """An error instead of a status, 5xx, 429, or a body cut short."""
    status = row["status"]
    if status is None:
        return row["error"] is not None or bool(row["is_truncated"])
    return status >= 500 or status == 429 or bool(row["is_truncated"])


def import_file(path: Path, *, options: Options | None = None, as_format: str | None = None) -> Imported:
    """Import into a fresh recording. `as_format` names the importer instead of sniffing."""
    with TemporaryDirectory() as folder:
        return import_into(Path(folder) / "test.zdtrace", path, options=options, as_format=as_format)


def import_bytes(
    content: bytes, *, name: str = "log.txt", options: Options | None = None, as_format: str | None = None
) -> Imported:
    """Import what a file with this content would give."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return import_file(path, options=options, as_format=as_format)


def import_into(
    recording: Path, path: Path, *, options: Options | None = None, as_format: str | None = None
) -> Imported:
    """Import into a recording that may hold other sources; the rows are those of this file alone."""
    importer = named(as_format) if as_format else recognise(path)
    with extend(recording) as writer:
        taken = take(writer, path, importer, options or Options())
    source = taken.source
    tables = {name: _rows(recording, name, source.source_id) for name in BY_NAME}
    assert source.lines_in - source.skipped == source.rows_kept + source.rejects
    assert len(tables["rejects"]) == source.rejects
    kept = {name: len(rows) for name, rows in tables.items() if rows and name != "rejects"}
    assert kept == source.rows_by_table
    assert sum(kept.values()) == source.rows_kept
    return Imported(source, tables, taken.is_repeat)


def _rows(recording: Path, table: str, source_id: int) -> list[Row]:
    files = open_recording(recording).files(table)
    if not files:
        return []
    with duckdb.connect() as db:
        kept = "select * from read_parquet($files, union_by_name = true) where source_id = $source_id"
        rows = f"{kept} order by {BY_NAME[table].dated_by}, line"
        found = db.execute(rows, {"files": files, "source_id": source_id})
        names = [each[0] for each in found.description or ()]
        blank: Row = dict.fromkeys(BY_NAME[table].column_names)
        return [blank | dict(zip(names, row, strict=True)) for row in found.fetchall()]
