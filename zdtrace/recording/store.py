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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from zdtrace.errors import RecordingBusy, RecordingDamaged, RecordingError, RecordingExists, RecordingUnfinished
from zdtrace.recording import journal
from zdtrace.recording import manifest as manifests
from zdtrace.recording.manifest import DataFile, Manifest, Source
from zdtrace.recording.paths import has_exact

_SCRATCH = "tmp"


@dataclass(frozen=True, slots=True)
class DraftFile:
    """A Parquet file with rows of one table that waits to be taken in; what it holds has reached the disk."""

    table: str
    path: Path
    rows: int
    bytes: int
    sha256: str

    @classmethod
    def sealed(cls, table: str, path: Path, rows: int) -> DraftFile:
        """Hand a file to the disk and hash it."""
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            os.fsync(handle.fileno())
            return cls(table, path, rows, os.fstat(handle.fileno()).st_size, digest)


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
    """Adds sources to a recording, one at a time; use `extend` to get one.

    One that `replaces` a recording leaves that as it is until `publish`: what it adds has other names, and no
    manifest tells of it.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, replaces: Manifest | None = None) -> None:
        self.folder = folder
        self.manifest = manifest
        self._replaces = replaces

    @property
    def next_source_id(self) -> int:
        """Id for the source that comes next."""
        return max((source.source_id for source in self.manifest.sources), default=0) + 1

    @property
    def scratch(self) -> Path:
        """Folder for unfinished files; emptied when the writer closes."""
        path = self.folder / _SCRATCH
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

    def add(self, source: Source, drafts: Iterable[DraftFile]) -> None:
        """Take files below `scratch` in as the rows of `source`."""
        taken = {file.path for file in self._replaces.files} if self._replaces else set()
        files: list[DataFile] = []
        for draft in drafts:
            home = self.folder / "tables" / draft.table
            home.mkdir(parents=True, exist_ok=True)
            number = sum(file.table == draft.table for file in files)
            names = (f"tables/{draft.table}/{source.source_id:04}-{number:04}{mark}.parquet" for mark in ("", "-new"))
            path = next(name for name in names if name not in taken)
            draft.path.replace(self.folder / path)
            files.append(
                DataFile(table=draft.table, path=path, rows=draft.rows, bytes=draft.bytes, sha256=draft.sha256)
            )
        sources = (*self.manifest.sources, source)
        self._save(replace(self.manifest, sources=sources, files=(*self.manifest.files, *files)))

    def describe(self, *, redaction: dict[str, list[str]] | None = None) -> None:
        """Note how the sources were redacted."""
        if redaction:
            self._save(replace(self.manifest, redaction=redaction))

    def describe_cluster(self, cluster: dict[str, str], selectors: tuple[str, ...]) -> None:
        """Note which cluster was listened to, and what of it was asked for."""
        self._save(replace(self.manifest, cluster=cluster, selectors=selectors))

    def publish(self) -> None:
        """Put the recording in the place of the one it replaces, and remove what that one's manifest names."""
        if self._replaces is not None:
            before, self._replaces = self._replaces, None
            self._save(self.manifest)
            _remove(self.folder, before, but=self.manifest)

    def withdraw(self) -> None:
        """Remove what was added, if it was not published."""
        if self._replaces is not None:
            _remove(self.folder, self.manifest, but=self._replaces)

    def _save(self, manifest: Manifest) -> None:
        if self._replaces is None:
            manifests.write(self.folder, manifest)
        self.manifest = manifest


@contextmanager
def extend(folder: Path, *, force: bool = False, repair: bool = False) -> Iterator[Writer]:
    """Open a recording for adding sources, making it when it is not there; `force` replaces it.

    A recording is replaced when its successor is complete and holds at least one source, not before; of what else
    is in its folder nothing is touched.
    Raises RecordingExists when something else has the name, RecordingBusy when another process writes to it, and
    RecordingUnfinished when it was cut off, unless that is what is being mended (`repair`).
    """
    if not has_exact(folder):
        raise RecordingError(
            f"`{folder}` is no name for a recording", hint="choose one without `\\` and `[`, `*` or `?`, in UTF-8"
        )
    is_recording = (folder / manifests.FILE_NAME).is_file()
    if folder.exists() and not is_recording and (not folder.is_dir() or any(folder.iterdir())):
        raise RecordingExists(folder)
    with _locked(folder):
        if journal.is_unfinished(folder) and not (repair or force):
            raise RecordingUnfinished(folder)
        if not is_recording:
            manifests.write(folder, Manifest(created_at=manifests.now()))
        try:
            before = manifests.read(folder)
        except RecordingDamaged:
            if not force:
                raise
            before = Manifest(created_at="")  # nobody knows which files are its own: none is removed
        is_replaced = force and is_recording
        new = Manifest(created_at=manifests.now())
        writer = Writer(folder, new, replaces=before) if is_replaced else Writer(folder, before)
        try:
            yield writer
            if is_replaced and writer.manifest.sources:
                if journal.is_unfinished(folder):
                    journal.discard(folder)
                writer.publish()
        finally:
            writer.withdraw()
            shutil.rmtree(folder / _SCRATCH, ignore_errors=True)


def remove_recording(folder: Path) -> None:
    """Remove a recording: what its manifest names, its journal, the manifest. The folder goes when it is empty then.

    Raises RecordingError when it is none, when it cannot be read, or when the folder holds anything else.
    """
    manifest = manifests.read(folder)
    named = {folder / file.path for file in manifest.files}
    ours = {folder / each for each in (manifests.FILE_NAME, journal.FOLDER, _SCRATCH)}
    others = sorted(
        path for path in folder.rglob("*")
        if path not in named and ours.isdisjoint((path, *path.parents)) and (path.is_symlink() or not path.is_dir())
    )
    if others:
        raise RecordingError(
            f"`{folder}` holds `{others[0].relative_to(folder)}`, which is no part of the recording",
            hint="move it away, or choose another name",
        )
    if journal.is_unfinished(folder):
        journal.discard(folder)
    _remove(folder, manifest)
    shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
    (folder / manifests.FILE_NAME).unlink()
    with suppress(OSError):
        folder.rmdir()


def _remove(folder: Path, manifest: Manifest, but: Manifest | None = None) -> None:
    """Remove the files that a manifest names, and the folders below `tables` that are empty then."""
    kept = {file.path for file in but.files} if but else set()
    home = folder.resolve()
    homes = {folder / "tables"}
    for file in manifest.files:
        path = folder / file.path
        # A link in the way leads to what is not ours.
        if file.path not in kept and home in path.parent.resolve().parents:
            path.unlink(missing_ok=True)
            homes.add(path.parent)
    for empty in sorted(homes, key=lambda each: -len(each.parts)):
        with suppress(OSError):
            empty.rmdir()


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
