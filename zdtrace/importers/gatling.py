"""Gatling's simulation.log: START and END in ms of each request, OK or KO with a message, and no status.

Up to 3.10 it is text between tabs, from 3.11 a binary file. A status is only known when a check names the one
that it found ("status.find.is(200), found 502"). A row that is OK has no status and no error: it succeeded,
with what is unknown.
Source: gatling-core, stats/writer/LogFileDataWriter.scala.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from zdtrace.importers.base import Head, Options, Pattern, Reading, Records, Rows
from zdtrace.importers.text import Reject

_STATUS = "nullif(regexp_extract({}, '^status\\..*found (\\d{{3}})$', 1), '')::integer"
_NOTES = (
    "Gatling logs no status and no URL: the status is known only where a check says what it found",
    "`Premature close` stands for a reset, a closed connection and a body cut short alike",
)
_VERSION = re.compile(rb"\x00\x00\x00\x00[\x01-\x20]\d+\.\d+")


def _columns(name: str, message: str, is_ok: str) -> dict[str, str]:
    status = _STATUS.format(message)
    return {
        "started_at_ns": "epoch_ms_ns(r.started)",
        "ended_at_ns": "epoch_ms_ns(r.ended)",
        "resolution_ns": "1000000",
        "status": f"case when not ({is_ok}) then {status} end",
        "error": f"case when not ({is_ok}) then coalesce(nullif(trim({message}), ''), 'KO') end",
        "url": f"if_path({name})",
    }


@dataclass(frozen=True)
class GatlingText:
    """`simulation.log` of Gatling 3.0 to 3.10."""

    name: str = "gatling-text"
    title: str = "Gatling simulation.log (text)"
    clock: str = "client"

    pattern = (
        r"^REQUEST\t(?P<group>[^\t]*)\t(?P<name>[^\t]*)\t(?P<started>\d{1,18})\t(?P<ended>\d{1,18})\t"
        r"(?P<result>OK|KO)(?:\t(?P<message>.*))?$"
    )

    def sniff(self, head: Head) -> bool:
        """Look for the run's line, or the assertions' before it."""
        return bool(re.match(r"(RUN|ASSERTION)\t", head.text))

    def read(self, head: Head, options: Options) -> Reading:
        """REQUEST lines are requests; what users, groups and checks did besides is skipped."""
        return Reading(
            raw=Pattern(self.pattern, required="result"),
            rows=(Rows("requests", _columns("r.name", "r.message", "r.result = 'OK'")),),
            skip=r"regexp_matches(text, '^(RUN|ASSERTION|USER|GROUP|ERROR)\t')",
            written="start and end",
            resolution_ns=1_000_000,
            notes=_NOTES,
        )


@dataclass(frozen=True)
class GatlingBinary:
    """`simulation.log` of Gatling 3.11 and later."""

    name: str = "gatling-binary"
    title: str = "Gatling simulation.log (binary)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for a zero, a length and a version."""
        return bool(_VERSION.match(head.data))

    def read(self, head: Head, options: Options) -> Reading:
        """Decode record after record; a killed run loses its tail, up to 8 KB."""
        fields = {**dict.fromkeys(("name", "started", "ended", "message"), "VARCHAR"), "is_ok": "BOOLEAN"}
        return Reading(
            raw=Records(fields, _records),
            rows=(Rows("requests", _columns("r.name", "r.message", "r.is_ok")),),
            skip="r.name is null",
            written="start and end",
            resolution_ns=1_000_000,
            notes=_NOTES,
        )


class _Cut(Exception):
    """The file ends within a record."""


class _Broken(ValueError):
    """A record makes no sense; what follows cannot be found."""


class _Stream:
    """Big-endian values. A string is a length, bytes and the coder of a JVM string: 0 Latin-1, 1 UTF-16.

    A cached string is a number: positive before a new string, negative for one that was seen before.
    """

    _LONGEST = 1_000_000
    _MOST_STRINGS = 1_000_000

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._strings: dict[int, str] = {}
        self._held = 0

    def take(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) < size:
            raise _Cut
        return found

    def byte(self) -> int | None:
        """Return the next byte; null at the end of the file."""
        found = self._file.read(1)
        return found[0] if found else None

    def integer(self) -> int:
        return int(struct.unpack(">i", self.take(4))[0])

    def long(self) -> int:
        return int(struct.unpack(">q", self.take(8))[0])

    def string(self) -> str:
        size = self.integer()
        if size == 0:
            return ""
        if not 0 < size <= self._LONGEST:
            raise _Broken(f"a string of {size} bytes")
        raw = self.take(size)
        coder = self.take(1)[0]
        return raw.decode("latin-1" if coder == 0 else "utf-16-le", "replace")

    def cached(self) -> str:
        index = self.integer()
        if index <= 0:
            if -index not in self._strings:
                raise _Broken(f"a string {-index} that was not there before")
            return self._strings[-index]
        text = self.string()
        self._held += len(text)
        if len(self._strings) >= self._MOST_STRINGS or self._held > 64 << 20:
            raise _Broken("too many strings")
        self._strings[index] = text
        return text

    def count(self, most: int = 10_000) -> int:
        """Return how many values follow."""
        found = self.integer()
        if not 0 <= found <= most:
            raise _Broken(f"{found} values")
        return found


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    """Yield requests as records and everything else as records without a name; the last may be a reject."""
    number = 1
    with path.open("rb") as file:
        stream = _Stream(file)
        try:
            began = _run(stream)
            yield number, {}
            while (kind := stream.byte()) is not None:
                number += 1
                yield number, _record(stream, kind, began)
        except _Cut:
            yield Reject(number, "the file ends within a record")
        except _Broken as error:
            yield Reject(number, f"cannot be decoded from here on: {error}")


def _run(stream: _Stream) -> int:
    """Read the first record and return the start of the run, ms since 1970."""
    if stream.byte() != 0:
        raise _Broken("no header of a run")
    stream.string()  # version
    stream.string()  # class
    began = stream.long()
    stream.string()  # description
    for _ in range(stream.count()):
        stream.string()  # scenario
    for _ in range(stream.count()):
        stream.take(stream.count(1 << 20))  # assertion
    return began


def _record(stream: _Stream, kind: int, began: int) -> Mapping[str, Any]:
    """Read a record: 1 a request, 2 a user, 3 a group, 4 an error."""
    if kind == 1:
        for _ in range(stream.count()):
            stream.cached()  # group
        name = stream.cached()
        started, ended = stream.integer(), stream.integer()
        is_ok = stream.take(1)[0] != 0
        message = stream.cached()
        return {
            "name": name,
            "started": began + started,
            "ended": began + ended,
            "is_ok": is_ok,
            "message": message,
        }
    if kind == 2:
        stream.take(4 + 1 + 4)
    elif kind == 3:
        for _ in range(stream.count()):
            stream.cached()
        stream.take(4 + 4 + 4 + 1)
    elif kind == 4:
        stream.cached()
        stream.take(4)
    else:
        raise _Broken(f"a record of kind {kind}")
    return {}
