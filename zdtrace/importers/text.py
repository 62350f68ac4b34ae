"""Turning any file into clean numbered lines that DuckDB can read, in bounded memory.

A file is read once: hashed, counted, and looked at for whatever a line reader would stumble over (NUL, broken
UTF-8, endless lines, blank lines, lone carriage returns). Only a file that has such lines is written anew, with
each bad line replaced by a placeholder, so that line numbers stay what an editor shows.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import zstandard

MAX_LINE_BYTES = 1_000_000
PLACEHOLDER = b"\x02"
"""Stands in for a blank or rejected line. Lines that are exactly this are left out by `numbered_lines`."""
SEPARATOR = "\x01"
"""Handed to DuckDB's CSV reader as the delimiter that no clean line holds."""

_CHUNK = 8 << 20
_GZIP, _ZSTD, _BOM = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf"
_CONTROL = (b"\x00", b"\x01", b"\x02")


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that cannot be read. `text` is null where it may hold secrets or is no text at all."""

    line: int
    reason: str
    text: str | None = None


@dataclass(slots=True)
class Survey:
    """What one pass over a file tells. `content` is the file itself, or its decompressed copy in the scratch folder.

    `lines` counts all lines. `is_dirty` says that some need cleaning; blank lines alone do not set it: looking for
    them costs as much as hashing, and whoever counts the rows that came out notices them.
    """

    content: Path
    sha256: str = ""
    content_sha256: str = ""
    bytes: int = 0
    lines: int = 0
    is_dirty: bool = False
    has_quotes: bool = False
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class Clean:
    """A copy without bad lines: each is a placeholder now, so that line numbers are those of the original."""

    path: Path
    blank: int
    rejects: tuple[Reject, ...]


def head(path: Path, size: int = 1 << 16) -> bytes:
    """Return the first bytes of a file's content, decompressed; what can be read when it is damaged."""
    found = b""
    try:
        with path.open("rb") as file:
            for chunk in _content(file, size):
                found += chunk
                if len(found) >= size:
                    break
    except _Damaged:
        pass
    return found[:size]


def is_compressed(path: Path) -> bool:
    """Tell whether a file is gzip or zstd, by its first bytes."""
    with path.open("rb") as file:
        return file.read(4).startswith((_GZIP, _ZSTD))


def survey(path: Path, scratch: Path) -> Survey:
    """Read a file once: hash and count it, and decompress it into `scratch` when it is compressed."""
    packed = is_compressed(path)
    found = Survey(scratch / "content.txt" if packed else path, bytes=path.stat().st_size)
    content = hashlib.sha256()
    tail, last = b"", b"\n"
    with path.open("rb") as file, found.content.open("wb") if packed else nullcontext() as copy:
        try:
            for chunk in _content(file, _CHUNK):
                content.update(chunk)
                if copy is not None:
                    copy.write(chunk)
                found.lines += chunk.count(b"\n")
                found.has_quotes = found.has_quotes or b'"' in chunk
                if not found.is_dirty:
                    whole_lines, tail = _cut(tail + chunk)
                    found.is_dirty = _is_dirty(whole_lines) or len(tail) > MAX_LINE_BYTES
                last = chunk[-1:]
        except _Damaged as damage:
            found.damage = str(damage)
    found.lines += last != b"\n"
    found.is_dirty = found.is_dirty or _is_dirty(tail)
    found.sha256 = found.content_sha256 = content.hexdigest()
    if packed:
        with path.open("rb") as file:
            found.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def clean(content: Path, scratch: Path) -> Clean:
    """Copy a file line by line, each line that cannot be read replaced by a placeholder."""
    copy = scratch / "clean.txt"
    blank, rejects = 0, []
    with content.open("rb") as source, copy.open("wb") as target:
        for number, line in enumerate(_lines(source), 1):
            text, reason = _checked(line)
            if reason is not None:
                rejects.append(Reject(number, reason, _readable(line)))
            blank += reason is None and text == PLACEHOLDER
            target.write(text + b"\n")
    return Clean(copy, blank, tuple(rejects))


def numbered_lines(path: Path) -> str:
    """Return SQL that reads a prepared file as (line BIGINT, text VARCHAR), placeholders left out."""
    quoted = str(path).replace("'", "''")
    return f"""
        select line, text from (
            select row_number() over () as line, text
            from read_csv(
                '{quoted}', columns = {{'text': 'VARCHAR'}}, header = false, auto_detect = false,
                delim = '{SEPARATOR}', quote = '', escape = '', new_line = '\\n', compression = 'none',
                max_line_size = {2 * MAX_LINE_BYTES}, buffer_size = {16 * MAX_LINE_BYTES}
            )
        ) where text <> '{PLACEHOLDER.decode()}'
    """


class _Damaged(Exception):
    """A compressed file ends or breaks in the middle; what came before it is good."""


def _content(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the file's content, decompressed. Raises _Damaged where compressed data ends or breaks."""
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(_GZIP):
        reader: BinaryIO = gzip.open(file)  # noqa: SIM115 - closed with `file`
    elif magic == _ZSTD:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)  # type: ignore[assignment]
    else:
        reader = file
    while True:
        try:
            chunk = reader.read1(size) if isinstance(reader, gzip.GzipFile) else reader.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            raise _Damaged(f"compressed data is damaged or cut off: {error}"[:200]) from error
        if not chunk:
            return
        yield chunk


def _cut(block: bytes) -> tuple[bytes, bytes]:
    end = block.rfind(b"\n") + 1
    return block[:end], block[end:]


def _is_dirty(block: bytes) -> bool:
    """Tell whether a block of whole lines has any line that needs a second look."""
    if b"\r" in block or any(byte in block for byte in _CONTROL) or _BOM in block[:8]:
        return True
    if not block.isascii():
        try:
            block.decode("utf-8")
        except UnicodeDecodeError:
            return True
    at = 0
    while len(block) - at > MAX_LINE_BYTES:
        end = block.rfind(b"\n", at + 1, at + MAX_LINE_BYTES)
        if end <= at:
            return True
        at = end
    return False


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines without their ends; an endless one is yielded as its first MAX_LINE_BYTES + 1 bytes."""
    while line := file.readline(MAX_LINE_BYTES + 2):
        whole = line.endswith(b"\n")
        rest = line
        while not whole and rest:
            rest = file.readline(_CHUNK)
            whole = rest.endswith(b"\n")
        yield line.rstrip(b"\r\n") if len(line) <= MAX_LINE_BYTES + 1 else line[: MAX_LINE_BYTES + 1]


def _checked(line: bytes) -> tuple[bytes, str | None]:
    """Return what stands in the clean copy, and why the line is rejected (null when it is not)."""
    line = line.removeprefix(_BOM)
    if len(line) > MAX_LINE_BYTES:
        return PLACEHOLDER, "line over 1 MB"
    if b"\x00" in line:
        return PLACEHOLDER, "NUL byte"
    if not line.strip():
        return PLACEHOLDER, None
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return PLACEHOLDER, "not UTF-8"
    if b"\x01" in line or b"\x02" in line:
        return PLACEHOLDER, "control characters"
    return line.replace(b"\r", b" "), None


def _readable(line: bytes) -> str:
    return line[:2000].decode("utf-8", "replace").replace("\x00", "\ufffd")
