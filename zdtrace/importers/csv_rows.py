"""Reading CSV with quotes so that a stray quote costs one line and not the rest of the file."""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from zdtrace.importers.base import Delimited
from zdtrace.importers.text import MAX_LINE_BYTES, PLACEHOLDER, Reject

_MOST_LINES = 200
"""A quoted value with more line ends than this is taken for a quote that was never closed."""


def csv_rows(
    path: Path, raw: Delimited, header_line: int
) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    """Yield the rows of a cleaned file below its header, each with the number of its first line.

    A row that goes on over several lines must have as many values as there are columns; else its first line
    is rejected and reading goes on with the second.
    """
    csv.field_size_limit(min(sys.maxsize, MAX_LINE_BYTES))
    skipped = header_line if raw.header else 0
    with path.open(encoding="utf-8", newline="\n") as file:
        lines = _Lines(file)
        while lines.peek(1):
            number, held = lines.number, lines.peek(1)[0]
            if number <= skipped or held == PLACEHOLDER.decode():
                lines.drop(1)
                continue
            cells, count = _row(lines, raw)
            lines.drop(count)
            yield (
                (number, {"fields": cells})
                if cells is not None
                else Reject(number, "broken quoting", held[:2000])
            )


class _Lines:
    """A file's lines with a look ahead."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._ahead: deque[str] = deque()
        self.number = 1

    def peek(self, count: int) -> list[str]:
        """Return up to `count` of the lines that come next."""
        missing = count - len(self._ahead)
        if missing > 0:
            self._ahead.extend(line.rstrip("\n") for line in islice(self._file, missing))
        return list(islice(self._ahead, count))

    def drop(self, count: int) -> None:
        """Go on."""
        for _ in range(count):
            self._ahead.popleft()
        self.number += count


def _row(lines: _Lines, raw: Delimited) -> tuple[list[str] | None, int]:
    """Return the values of the row that comes next (null when it is broken) and how many lines it takes."""
    first = lines.peek(1)[0]
    if first.count('"') % 2 == 0:
        return _parsed([first], raw), 1
    quotes = 0
    for count, line in enumerate(lines.peek(_MOST_LINES), 1):
        quotes += line.count('"')
        if quotes % 2 == 0:
            cells = _parsed(lines.peek(count), raw)
            return (cells, count) if cells is not None and len(cells) == len(raw.names) else (None, 1)
    return None, 1


def _parsed(lines: list[str], raw: Delimited) -> list[str] | None:
    try:
        # Blank lines within a value were replaced like any other.
        whole = [f"{line.replace(PLACEHOLDER.decode(), '')}\n" for line in lines]
        rows = list(csv.reader(whole, delimiter=raw.separator, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
