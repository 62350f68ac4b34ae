"""`recording.json`: what a recording is made of, where each part came from, and what was left out."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zdtrace.errors import RecordingDamaged, RecordingError
from zdtrace.recording.tables import SCHEMA_VERSION
from zdtrace.version import __version__

FILE_NAME = "recording.json"
DRAFT_NAME = f"{FILE_NAME}.new"
FORMAT = "zdtrace recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file or stream that rows came from, and the account of its rows.

    `lines_in` counts every line or record read; `skipped` those that by the format's definition hold nothing for
    us (k6 points of other metrics, access lines in a controller's log). Always: lines_in - skipped = rows_in =
    rows_kept + rejects.
    """

    source_id: int
    name: str
    format: str
    sha256: str
    content_sha256: str
    bytes: int
    lines_in: int
    skipped: int
    rows_kept: int
    rejects: int
    rows_by_table: dict[str, int]
    reject_reasons: dict[str, int]
    clock: str
    written: str
    resolution_ns: int
    shows_failures: bool
    first_at_ns: int | None
    last_at_ns: int | None
    imported_at: str
    notes: tuple[str, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def rows_in(self) -> int:
        """Rows that were meant to be read."""
        return self.lines_in - self.skipped

    def as_json(self) -> dict[str, Any]:
        """Return the account with `rows_in` spelled out."""
        return {**asdict(self), "rows_in": self.rows_in}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One Parquet file below the recording's folder. Files that no manifest names do not exist for a reader."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything `recording.json` says."""

    created_at: str
    zdtrace_version: str = __version__
    schema_version: int = SCHEMA_VERSION
    cluster: dict[str, str] = field(default_factory=dict)
    selectors: tuple[str, ...] = ()
    redaction: dict[str, list[str]] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    files: tuple[DataFile, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the whole manifest as plain JSON values."""
        return {
            "format": FORMAT,
            **asdict(self),
            "sources": [source.as_json() for source in self.sources],
        }


def now() -> str:
    """Return the present moment as the manifest writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step, so that a reader sees the old one or the new one."""
    draft = folder / DRAFT_NAME
    with draft.open("w", encoding="utf-8") as file:
        json.dump(manifest.as_json(), file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE_NAME)


def read(folder: Path) -> Manifest:
    """Return the manifest of a recording.

    Raises RecordingError when the folder is no recording, or one of a later schema.
    """
    path = folder / FILE_NAME
    hint = "a recording is a folder that `zdtrace record` or `zdtrace import … --into FOLDER` made"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise RecordingError(f"`{folder}` is not a recording: it has no {FILE_NAME}", hint=hint) from None
    except (OSError, ValueError) as error:
        raise RecordingError(f"`{path}` cannot be read: {error}", hint=hint) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise RecordingError(f"`{path}` is not the manifest of a recording", hint=hint)
    if not isinstance(found.get("schema_version"), int) or found["schema_version"] > SCHEMA_VERSION:
        raise RecordingError(
            f"`{folder}` has schema {found.get('schema_version')}, this zdtrace reads up to {SCHEMA_VERSION}",
            hint="install a newer zdtrace",
        )
    try:
        return _from_json(found)
    except (TypeError, KeyError, AttributeError) as error:
        raise RecordingDamaged(f"`{path}` is damaged: {error}", hint="import its sources again") from error


def _from_json(found: dict[str, Any]) -> Manifest:
    values = {each.name: found[each.name] for each in fields(Manifest) if each.name in found}
    values["sources"] = tuple(_source(each) for each in found.get("sources", ()))
    values["files"] = tuple(_data_file(each) for each in found.get("files", ()))
    values["selectors"] = tuple(found.get("selectors", ()))
    return Manifest(**values)


def _data_file(found: dict[str, Any]) -> DataFile:
    """Return a data file; a manifest that names one outside of its own folder is damaged, or worse."""
    file = DataFile(**found)
    if not re.fullmatch(r"tables/\w+/[\w-]+\.parquet", file.path):
        raise TypeError(f"`{file.path}` is no file of a recording")
    return file


def _source(found: dict[str, Any]) -> Source:
    known = {each.name for each in fields(Source)}
    values = {name: value for name, value in found.items() if name in known}
    return Source(**{**values, "notes": tuple(values.get("notes", ()))})
