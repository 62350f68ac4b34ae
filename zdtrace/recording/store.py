"""Opening, extending and reading the folder of a recording.

Data files are written whole and renamed into place, then named by the manifest, which is replaced in one step:
whatever happens in between, a reader finds the recording as it was before or as it is after.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from zdtrace.errors import RecordingBusy, RecordingError, RecordingExists, RecordingUnfinished
from zdtrace.recording import journal
from zdtrace.recording import manifest as manifests
from zdtrace.recording.manifest import DataFile, Manifest, Source


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that can be read: its folder and what its manifest says."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Name of the recording, without `.zdtrace`."""
        return self.folder.resolve().name.removesuffix(".zdtrace")

    def files(self, table: str) -> list[str]:
        """Return the paths of a table's Parquet files, in the order of import.

        Raises RecordingError when one of them is missing or was cut short.
        """
        found = []
        for file in self.manifest.files:
            if file.table != table:
                continue
            path = self.folder / file.path
            if not path.is_file() or path.stat().st_size != file.bytes:
                raise RecordingError(f"`{path}` is missing or damaged", hint="import its source again")
            found.append(str(path))
        return found


def open_recording(folder: Path | str) -> Recording:
    """Return the recording in a folder.

    Raises RecordingError when there is none, RecordingBusy while it is being made, RecordingUnfinished when it was
    cut off.
    """
    path = Path(folder)
    if journal.is_unfinished(path):
        if journal.is_held(path):
            raise RecordingBusy(f"`{path}` is still being recorded", hint="wait until that ends, or end it with Ctrl-C")
        raise RecordingUnfinished(path)
    return Recording(path, manifests.read(path))


class Writer:
    """Adds sources to a recording, one at a time; use `extend` to get one."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @property
    def next_source_id(self) -> int:
        """Id for the source that comes next."""
        return max((source.source_id for source in self.manifest.sources), default=0) + 1

    @property
    def scratch(self) -> Path:
        """Folder for unfinished files; emptied when the writer closes."""
        path = self.folder / "tmp"
        path.mkdir(exist_ok=True)
        return path

    def holds(self, content_sha256: str) -> Source | None:
        """Return the source with this content, if it was taken before."""
        return next((each for each in self.manifest.sources if each.content_sha256 == content_sha256), None)

    def unique_name(self, name: str) -> str:
        """Return `name`, or `name (2)` and so on when a source has it already."""
        taken = {source.name for source in self.manifest.sources}
        candidates = (name if count == 1 else f"{name} ({count})" for count in range(1, len(taken) + 2))
        return next(each for each in candidates if each not in taken)

    def add(self, source: Source, drafts: Iterable[tuple[str, Path, int]]) -> None:
        """Take Parquet files below `scratch` (table, path, rows) in as the rows of `source`."""
        files: list[DataFile] = []
        for table, draft, rows in drafts:
            home = self.folder / "tables" / table
            home.mkdir(parents=True, exist_ok=True)
            number = sum(file.table == table for file in files)
            final = home / f"{source.source_id:04}-{number:04}.parquet"
            with draft.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
                os.fsync(handle.fileno())
            draft.replace(final)
            path = str(final.relative_to(self.folder))
            files.append(DataFile(table=table, path=path, rows=rows, bytes=final.stat().st_size, sha256=digest))
        sources = (*self.manifest.sources, source)
        self._save(replace(self.manifest, sources=sources, files=(*self.manifest.files, *files)))

    def describe(self, *, redaction: dict[str, list[str]] | None = None) -> None:
        """Note how the sources were redacted."""
        if redaction:
            self._save(replace(self.manifest, redaction=redaction))

    def describe_cluster(self, cluster: dict[str, str], selectors: tuple[str, ...]) -> None:
        """Note which cluster was listened to, and what of it was asked for."""
        self._save(replace(self.manifest, cluster=cluster, selectors=selectors))

    def _save(self, manifest: Manifest) -> None:
        manifests.write(self.folder, manifest)
        self.manifest = manifest


@contextmanager
def extend(folder: Path, *, force: bool = False, repair: bool = False) -> Iterator[Writer]:
    """Open a recording for adding sources, making it when it is not there; `force` replaces it.

    A recording is replaced when its successor is complete and holds at least one source, not before.
    Raises RecordingExists when something else has the name, RecordingBusy when another process writes to it, and
    RecordingUnfinished when it was cut off, unless that is what is being mended (`repair`).
    """
    is_recording = (folder / manifests.FILE_NAME).is_file()
    if folder.exists() and not is_recording and (not folder.is_dir() or any(folder.iterdir())):
        raise RecordingExists(folder)
    with _locked(folder):
        if journal.is_unfinished(folder) and not (repair or force):
            raise RecordingUnfinished(folder)
        if not (force and is_recording):
            yield from _writing(folder, is_recording=is_recording)
            return
        successor = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(successor, ignore_errors=True)
        successor.mkdir()
        try:
            yield from _writing(successor, is_recording=False)
            if manifests.read(successor).sources:
                shutil.rmtree(folder)
                successor.rename(folder)
        finally:
            shutil.rmtree(successor, ignore_errors=True)


def _writing(folder: Path, *, is_recording: bool) -> Iterator[Writer]:
    if not is_recording:
        manifests.write(folder, Manifest(created_at=manifests.now()))
    try:
        yield Writer(folder, manifests.read(folder))
    finally:
        shutil.rmtree(folder / "tmp", ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and keep other writers out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise RecordingError(f"`{folder}` cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise RecordingBusy(f"`{folder}` is being written to", hint="wait for the other zdtrace to end") from None
    try:
        yield
    finally:
        os.close(handle)
