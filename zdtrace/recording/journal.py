"""What a recording is while it is being made: lines that are appended, and survive whatever ends the recorder.

`journal/` holds `cluster.ndjson`, one line a thing seen, and raw logs. It is turned into tables when the recording
is closed and removed then; a folder that still has it, and that nobody holds, was cut off. Lines of the journal:

    {"seen_at_ns": 1795450610963555134, "type": "MODIFIED", "object": {…}}          a version of an object, redacted
    {"seen_at_ns": …, "gap": {"from_ns": …, "until_ns": …, "subject": …, "reason": …, "is_healed": …}}
    {"seen_at_ns": …, "clock": {…}}   {"seen_at_ns": …, "mark": {…}}                as in the tables
    {"seen_at_ns": …, "listening": ["pods", …]}                                     every second: who listens
    {"seen_at_ns": …, "closed": "the command ended"}                                the last line of a whole one
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

FOLDER = "journal"
CLUSTER = "cluster.ndjson"
OUTSIDE = "outside.json"
"""Names the files that other programs write for us while they run: load tests, their logs."""
FORMATS = "formats.json"
"""Names the importers of the journal's own logs, where they are known."""

_FLUSH_EVERY_S = 0.25
_LISTENERS_EVERY_S = 1.0
_TAIL_BYTES = 64 << 20
# A machine that slept, a process that was stopped, or next to no processor time.
_ASLEEP_NS = 2_000_000_000
EVERYTHING = "all sources"
_DID_NOT_RUN = "the recorder did not run, and noted later what came meanwhile"


def is_unfinished(folder: Path) -> bool:
    """Tell whether a recording has a journal: it is being made, or was cut off."""
    return (folder / FOLDER).is_dir()


def is_held(folder: Path) -> bool:
    """Tell whether a process writes to this recording now."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


class Journal:
    """Appends to the files of a journal from any thread; at most a quarter of a second waits in memory.

    A disk that is full, or gone, ends it: `failure` says why, nothing is written any more, nothing is raised. All that
    was handed in before `failed_at_ns` is on the disk then.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.folder.mkdir()
        self.failure: OSError | None = None
        self.failed = threading.Event()
        self.failed_at_ns = 0
        self._flushed_at_ns = time.time_ns()
        self._files: dict[str, BinaryIO] = {}
        self._lock = threading.Lock()
        self._listening: set[str] = set()
        self._formats: dict[str, str] = {}
        self._closing = threading.Event()
        self._flusher = threading.Thread(target=self._flush_now_and_then, name="journal", daemon=True)
        self.note(journal=1)
        self._flusher.start()

    def saw(self, seen_at_ns: int, event_type: str, redacted: str) -> None:
        """Note a version of an object, as redacted JSON on one line."""
        self.append(CLUSTER, f'{{"seen_at_ns":{seen_at_ns},"type":"{event_type}","object":{redacted}}}')

    def note(self, **what: Any) -> None:
        """Note anything else: `note(mark={…})`."""
        self.append(CLUSTER, json.dumps({"seen_at_ns": time.time_ns(), **what}, separators=(",", ":")))

    def gap(
        self, subject: str, reason: str, from_ns: int, until_ns: int | None, *, is_healed: bool = False
    ) -> None:
        """Note that a source did not listen; null when it never did again. Healed: it was told all that it missed."""
        self.note(gap={
            "from_ns": from_ns, "until_ns": until_ns, "subject": subject, "reason": reason, "is_healed": is_healed,
        })

    def listens(self, subject: str, is_so: bool = True) -> None:
        """Say that a source listens from now on, or does not."""
        with self._lock:
            (self._listening.add if is_so else self._listening.discard)(subject)

    def outside(self, files: Mapping[str, str]) -> None:
        """Name files outside the journal that belong to the recording: path and format (empty: by its content)."""
        with self._lock:
            self._write(OUTSIDE, files)

    def is_of(self, formats: Mapping[str, str]) -> None:
        """Say which importers read which files of the journal."""
        with self._lock:
            self._formats.update(formats)
            self._write(FORMATS, self._formats)

    def append(self, file: str, line: str) -> None:
        """Append a line to one of the journal's files."""
        data = line.encode("utf-8", "replace") + b"\n"
        with self._lock:
            if self.failure is not None or (self._closing.is_set() and not self._files):
                return
            try:
                if file not in self._files:
                    self._files[file] = (self.folder / file).open("ab", buffering=1 << 20)
                self._files[file].write(data)
            except OSError as error:
                self._fail(error)

    def close(self, why: str) -> None:
        """Write the last line; what comes later is not taken any more."""
        self._closing.set()
        self._flusher.join()
        self.note(closed=why)
        self.flush()
        with self._lock:
            for each in self._files.values():
                with contextlib.suppress(OSError):
                    each.close()
            self._files = {}

    def flush(self) -> None:
        """Hand everything to the disk."""
        with self._lock:
            began_at_ns = time.time_ns()
            try:
                handles = []
                for each in self._files.values():
                    each.flush()
                    handles.append(os.dup(each.fileno()))
            except OSError as error:
                self._fail(error)
                return
        # Outside the lock: a slow disk must not keep the sources waiting.
        for handle in handles:
            try:
                os.fdatasync(handle)
            except OSError as error:
                with self._lock:
                    self._fail(error)
            finally:
                os.close(handle)
        if self.failure is None:
            self._flushed_at_ns = began_at_ns

    def _write(self, name: str, words: Mapping[str, str]) -> None:
        path = self.folder / name
        draft = path.with_suffix(".new")
        try:
            draft.write_text(json.dumps(dict(words)), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if self.failure is None:
            self.failure, self.failed_at_ns = error, self._flushed_at_ns
        self.failed.set()

    def _flush_now_and_then(self) -> None:
        told_at = 0.0
        slept_from_ns = time.time_ns()
        while not self._closing.wait(_FLUSH_EVERY_S):
            woke_at_ns = time.time_ns()
            if woke_at_ns - slept_from_ns > _ASLEEP_NS:
                self.gap(EVERYTHING, _DID_NOT_RUN, slept_from_ns, woke_at_ns)
            if time.monotonic() - told_at >= _LISTENERS_EVERY_S:
                told_at = time.monotonic()
                with self._lock:
                    listening = sorted(self._listening)
                self.note(listening=listening)
            self.flush()
            slept_from_ns = time.time_ns()


@dataclass(frozen=True, slots=True)
class Sealed:
    """What repairing a journal did: bytes that broke off, sources that were listening, when the last was heard."""

    cut_bytes: int
    listening: tuple[str, ...]
    last_seen_at_ns: int | None

    @property
    def words(self) -> str:
        """What was done, for people."""
        done = "it was cut off"
        if self.last_seen_at_ns is not None:
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.last_seen_at_ns / 1e9))
            done += f" at {moment}; {len(self.listening)} sources were listening then"
        return done + (f"; {self.cut_bytes} bytes of lines that broke off are gone" if self.cut_bytes else "")


def seal(folder: Path) -> Sealed | None:
    """Repair the journal of a recording that was cut off: no half lines, a gap for each source that listened.

    Returns null when it is whole already.
    """
    home = folder / FOLDER
    cut = sum(_cut_half_line(path) for path in sorted(home.iterdir()) if path.suffix in (".ndjson", ".log"))
    last, listening = _last_words(home / CLUSTER)
    if last is not None and "closed" in last:
        return None
    seen_at_ns = last.get("seen_at_ns") if last else None
    if isinstance(seen_at_ns, int):
        lines = [
            {"seen_at_ns": seen_at_ns, "gap": {
                "from_ns": seen_at_ns, "until_ns": None, "subject": subject, "reason": "the recorder was cut off",
            }}
            for subject in listening
        ]
        with (home / CLUSTER).open("a", encoding="utf-8") as file:
            for each in [*lines, {"seen_at_ns": seen_at_ns, "closed": "repaired"}]:
                file.write(json.dumps(each, separators=(",", ":")) + "\n")
            file.flush()
            os.fsync(file.fileno())
    return Sealed(cut, listening, seen_at_ns if isinstance(seen_at_ns, int) else None)


def files(folder: Path) -> list[Path]:
    """Return the journal's own files that hold anything, the cluster's first."""
    home = folder / FOLDER
    found = [path for path in home.iterdir() if path.suffix in (".ndjson", ".log") and path.stat().st_size]
    return sorted(found, key=lambda path: (path.name != CLUSTER, path.name))


def files_outside(folder: Path) -> dict[Path, str]:
    """Return the files that other programs wrote for the recording and that are still there, with their formats."""
    return {Path(path): name for path, name in _read(folder / FOLDER / OUTSIDE).items() if Path(path).is_file()}


def formats(folder: Path) -> dict[str, str]:
    """Return which importers read which files of the journal, where they are known."""
    return _read(folder / FOLDER / FORMATS)


def discard(folder: Path) -> None:
    """Remove the journal: everything in it is in the tables."""
    shutil.rmtree(folder / FOLDER)


def _read(path: Path) -> dict[str, str]:
    try:
        return {str(key): str(value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _cut_half_line(path: Path) -> int:
    """Cut what follows the last line break; return how many bytes that was."""
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - (1 << 16))
            file.seek(start)
            at = file.read(end - start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end < size:
            file.truncate(end)
        return size - end


def _last_words(path: Path) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Return the last line of the cluster's file, and who was listening then."""
    if not path.is_file():
        return None, ()
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().split(b"\n")
    last: dict[str, Any] | None = None
    for line in reversed(lines):
        found = _line(line)
        if found is None:
            continue
        last = last or found
        if "closed" in last:
            return last, ()
        if isinstance(found.get("listening"), list):
            return last, tuple(map(str, found["listening"]))
    return last, ()


def _line(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
