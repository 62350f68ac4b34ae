"""Results in files: there whole or not at all, and never over something that was there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zdtrace.errors import RecordingExists, ZdtraceError


def check_free(path: Path, *, force: bool) -> None:
    """Raise RecordingExists when something is at `path` and may not be replaced."""
    if path.exists() and not force:
        raise RecordingExists(path)


def write_text(path: Path, text: str, *, force: bool = False) -> None:
    """Write a text as UTF-8. Raises RecordingExists when it is there, ZdtraceError when it cannot be written."""
    # A name of a file need not be text: half a character is written as an escape.
    write_bytes(path, text.encode(errors="backslashreplace"), force=force)


def write_bytes(path: Path, content: bytes, *, force: bool = False) -> None:
    """Write bytes; raises as `write_text` does."""
    with draft_of(path, force=force) as draft:
        draft.write_bytes(content)


@contextmanager
def draft_of(path: Path, *, force: bool) -> Iterator[Path]:
    """Give the path of an empty draft beside `path`; it takes its place when nothing went wrong."""
    check_free(path, force=force)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise ZdtraceError(f"`{path}` cannot be written: {error.strerror}") from error
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        # mkstemp lets nobody else read it; a result is as readable as the user's other files.
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o666 & ~mask)
        draft.replace(path)
    except OSError as error:
        raise ZdtraceError(f"`{path}` cannot be written: {error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
