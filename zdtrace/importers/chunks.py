"""Cutting a file of lines into chunks that are converted side by side, hashed and looked at on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zdtrace.importers.text import (
    BLOCK_BYTES,
    MAX_LINE_BYTES,
    Damaged,
    Survey,
    content_of,
    cut,
    is_compressed,
    is_dirty,
)

_CHUNK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a file, in a file of their own (or the file itself, when it is small)."""

    path: Path
    number: int
    first_line: int
    lines: int
    is_dirty: bool

    def last_lines(self, size: int = 1 << 14) -> bytes:
        """Return whole lines from the end."""
        with self.path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - size))
            lines = file.read()
        return lines if len(lines) < size else lines[lines.find(b"\n") + 1:]


def chunks(found: Survey, scratch: Path, slots: int) -> Iterator[Chunk]:
    """Cut a file, decompressed, into chunks below `scratch`; fill in `found` on the way.

    A chunk ends with a line, however long that is; the last line of a file may lack its end. At most `slots` of them
    are there at a time: asking for one more writes over the file of the one that came `slots` before it.
    """
    path = found.content
    found.bytes = path.stat().st_size
    packed = is_compressed(path)
    content = hashlib.sha256()
    cutter = _Cutter(scratch, slots, path if not packed and found.bytes <= _CHUNK_BYTES else None)
    with path.open("rb") as file:
        try:
            for block in content_of(file, BLOCK_BYTES):
                content.update(block)
                yield from cutter.feed(block)
        except Damaged as damage:
            found.damage = str(damage)
    yield from cutter.rest()
    found.lines = cutter.first_line - 1
    found.sha256 = found.content_sha256 = content.hexdigest()
    if packed:
        with path.open("rb") as file:
            found.sha256 = hashlib.file_digest(file, "sha256").hexdigest()


class _Cutter:
    """Collects blocks of bytes into chunks. With `whole`, a small file, it looks only and copies nothing."""

    def __init__(self, scratch: Path, slots: int, whole: Path | None) -> None:
        self.first_line = 1
        self._scratch = scratch
        self._slots = slots
        self._whole = whole
        self._number = 0
        self._open: BinaryIO | None = None
        self._size = self._lines = 0
        self._is_dirty = False
        self._tail, self._last = b"", b"\n"

    def feed(self, block: bytes) -> Iterator[Chunk]:
        """Take a block in; yield the chunk that it completes, if it does."""
        end = block.rfind(b"\n") + 1 if self._size + len(block) >= _CHUNK_BYTES and self._whole is None else 0
        if end:
            self._take(block[:end])
            yield self._close()
        if end < len(block):
            self._take(block[end:])

    def rest(self) -> Iterator[Chunk]:
        """Yield what is left."""
        if self._size:
            self._is_dirty = self._is_dirty or is_dirty(self._tail)
            self._lines += self._last != b"\n"
            yield self._close()

    def _take(self, block: bytes) -> None:
        if self._whole is None:
            if self._open is None:
                # Written over, not anew: the kernel spends three times as long on finding and clearing fresh pages.
                self._open = self._path.open("r+b" if self._number >= self._slots else "wb")
            self._open.write(block)
        self._size += len(block)
        self._lines += block.count(b"\n")
        self._last = block[-1:]
        if self._is_dirty:
            return
        if block.isascii() and self._tail.isascii():
            # No character is cut in two here, so nothing has to be copied to be looked at.
            end = block.rfind(b"\n") + 1
            self._is_dirty = is_dirty(block) or len(self._tail) + block.find(b"\n") > MAX_LINE_BYTES
            self._tail = block[end:] if end else self._tail + block
        else:
            whole_lines, self._tail = cut(self._tail + block)
            self._is_dirty = is_dirty(whole_lines)
        self._is_dirty = self._is_dirty or len(self._tail) > MAX_LINE_BYTES

    @property
    def _path(self) -> Path:
        return self._scratch / f"chunk-{self._number % self._slots}.txt"

    def _close(self) -> Chunk:
        if self._open is not None:
            self._open.truncate()
            self._open.close()
        chunk = Chunk(self._whole or self._path, self._number, self.first_line, self._lines, self._is_dirty)
        self.first_line += self._lines
        self._number += 1
        self._open, self._size, self._lines, self._is_dirty, self._tail = None, 0, 0, False, b""
        return chunk
