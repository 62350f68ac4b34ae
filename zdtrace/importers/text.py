"""Turning any file into clean numbered lines that DuckDB can read, in bounded memory.

A file is read once: hashed, counted, and looked at for whatever a line reader would stumble over (NUL, broken
UTF-8, endless lines, blank lines, lone carriage returns). Only a file that has such lines is written anew, with
each bad line replaced by a placeholder, so that line numbers stay what an editor shows.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from zdtrace.recording.paths import exact, has_exact

MAX_LINE_BYTES = 1_000_000
PLACEHOLDER = b"\x02"
"""Stands in for a blank or rejected line. Lines that are exactly this are left out by `numbered_lines`."""
SEPARATOR = "\x01"
"""Handed to DuckDB's CSV reader as the delimiter that no clean line holds."""

BLOCK_BYTES = 1 << 20
_REJECTS_A_BLOCK = 2000
_GZIP, _ZSTD, _BOM = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf"
_CONTROL = (b"\x00", b"\x01", b"\x02")


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that cannot be read. `text` is null where it may hold secrets or is no text at all."""

    line: int
    reason: str
    text: str | None = None


class Rejects:
    """Rejects on their way into a recording, written through to an NDJSON file: there may be millions.

    With `withhold` none of their text reaches it. After `flush` the file holds all; without any there is none.
    """

    def __init__(self, path: Path, *, withhold: bool) -> None:
        self.path = path
        self.count = 0
        self._withhold = withhold
        self._is_begun = False
        self._waiting: list[str] = []

    def add(self, reject: Reject) -> None:
        """Take one in."""
        shown = None if self._withhold else reject.text
        self._waiting.append(json.dumps({"line": reject.line, "reason": reject.reason, "text": shown}) + "\n")
        self.count += 1
        if len(self._waiting) == _REJECTS_A_BLOCK:
            self.flush()

    def flush(self) -> None:
        """Have everything in the file."""
        if self._waiting:
            with self.path.open("a" if self._is_begun else "w", encoding="utf-8") as file:
                file.writelines(self._waiting)
            self._is_begun = True
            self._waiting.clear()


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
    first_reject: int | None


def head(path: Path, size: int = 1 << 16) -> bytes:
    """Return the first bytes of a file's content, decompressed; what can be read when it is damaged."""
    found = b""
    try:
        with path.open("rb") as file:
            for chunk in content_of(file, size):
                found += chunk
                if len(found) >= size:
                    break
    except Damaged:
        pass
    return found[:size]


def readable(path: Path, scratch: Path) -> Path:
    """Return a name under which DuckDB can read a file: its own, or else that of a link below `scratch`."""
    if has_exact(path):
        return path
    link = scratch / "source"
    link.symlink_to(path.absolute())
    return link


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
            for chunk in content_of(file, BLOCK_BYTES):
                content.update(chunk)
                if copy is not None:
                    copy.write(chunk)
                found.lines += chunk.count(b"\n")
                found.has_quotes = found.has_quotes or b'"' in chunk
                if not found.is_dirty:
                    whole_lines, tail = cut(tail + chunk)
                    found.is_dirty = is_dirty(whole_lines) or len(tail) > MAX_LINE_BYTES
                last = chunk[-1:]
        except Damaged as damage:
            found.damage = str(damage)
    found.lines += last != b"\n"
    found.is_dirty = found.is_dirty or is_dirty(tail)
    found.sha256 = found.content_sha256 = content.hexdigest()
    if packed:
        with path.open("rb") as file:
            found.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def clean(content: Path, scratch: Path, rejects: Rejects, first_line: int = 1) -> Clean:
    """Copy a file line by line, each line that cannot be read replaced by a placeholder and told to `rejects`.

    `first_line` is the number of its first line in the source.
    """
    copy = scratch / "clean.txt"
    blank, first_reject = 0, None
    with content.open("rb") as source, copy.open("wb") as target:
        for number, line in enumerate(_lines(source), first_line):
            text, reason = _checked(line)
            if reason is not None:
                rejects.add(Reject(number, reason, _readable(line)))
                first_reject = first_reject or number
            blank += reason is None and text == PLACEHOLDER
            target.write(text + b"\n")
    return Clean(copy, blank, first_reject)


def numbered_lines(path: Path, first_line: int = 1) -> str:
    """Return SQL that reads a prepared file as (line BIGINT, text VARCHAR), placeholders left out."""
    quoted = exact(path).replace("'", "''")
    return f"""
        select line, text from (
            select row_number() over () + {first_line - 1} as line, text
            from read_csv(
                '{quoted}', columns = {{'text': 'VARCHAR'}}, header = false, auto_detect = false,
                delim = '{SEPARATOR}', quote = '', escape = '', new_line = '\\n', compression = 'none',
                hive_partitioning = false,
                max_line_size = {2 * MAX_LINE_BYTES}, buffer_size = {16 * MAX_LINE_BYTES}
            )
        ) where text <> '{PLACEHOLDER.decode()}'
    """


class Damaged(Exception):
    """A compressed file ends or breaks in the middle; what came before it is good."""


def content_of(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the file's content, decompressed. Raises Damaged where compressed data ends or breaks."""
    magic = file.read(4)
    file.seek(0)
    read: Callable[[int], bytes] = file.read
    if magic.startswith(_GZIP):
        read = gzip.GzipFile(fileobj=file).read1
    elif magic == _ZSTD:
        read = _Unpacked(file).read
    while True:
        try:
            chunk = read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            raise Damaged(f"compressed data is damaged or cut off: {error}"[:200]) from error
        if not chunk:
            return
        yield chunk


class _Unpacked:
    """The content of a zstd file. Unlike zstandard's own reader it notices when the last frame is not whole."""

    _PACKED = 1024  # at worst 32 MB of content: no bomb fits

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return some `size` bytes, or what there is before the end. Raises EOFError when a frame is cut off."""
        found = bytearray()
        while len(found) < size and (packed := self._rest or self._file.read(self._PACKED)):
            self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            self._rest = packed
            try:
                found += self._frame.decompress(packed)
            except zstandard.ZstdError:
                if found:
                    break  # what came before is good; the next call fails at once
                raise
            self._rest = b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        if not found and self._frame:
            raise EOFError("the last frame is not whole")
        return bytes(found)


def cut(block: bytes) -> tuple[bytes, bytes]:
    """Return the whole lines of a block, and the beginning of the next."""
    end = block.rfind(b"\n") + 1
    return block[:end], block[end:]


def is_dirty(block: bytes) -> bool:
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
            rest = file.readline(BLOCK_BYTES)
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
