"""Columns and paragraphs of plain text, for terminals of a given width."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zdtrace.printable import printable

GAP = 2
_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a grid: its heading, and whether numbers stand in it."""

    heading: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Style:
    """How to set words off: with colours, or not at all. Nothing is said by colour alone."""

    is_colored: bool

    def bold(self, text: str) -> str:
        """Return bold text."""
        return self._with("1", text)

    def signal(self, word: str, text: str) -> str:
        """Return text in the colour of a verdict or a severity."""
        codes = {"pass": "1;32", "fail": "1;31", "error": "31", "data_loss": "31", "info": "2"}
        return self._with(codes.get(word, "33"), text)

    def _with(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.is_colored else text


def width_of(text: str) -> int:
    """Return how many cells of a terminal a text takes: Chinese characters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a paragraph; a word that is longer than a line is broken."""
    lines: list[str] = []
    line = ""
    for word in _pieces(printable(text).split(" "), width):
        longer = f"{line} {word}" if line else word
        if width_of(longer) <= width:
            line = longer
        else:
            lines.append(line)
            line = word
    return [*lines, line]


def _pieces(words: Sequence[str], width: int) -> Iterator[str]:
    for word in words:
        rest = word
        while width_of(rest) > width:
            sizes = range(len(rest), 0, -1)
            end = next((size for size in sizes if width_of(rest[:size]) <= width), 1)
            yield rest[:end]
            rest = rest[end:]
        yield rest


def grid(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int | None, style: Style) -> str:
    """Return rows below their headings. With a `width` the last column is wrapped into what is left of it."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [
        max(map(width_of, [column.heading, *(row[place] for row in cells)]))
        for place, column in enumerate(columns)
    ]
    if width is not None:
        widths[-1] = min(widths[-1], max(_NARROWEST, width - sum(widths[:-1]) - GAP * (len(widths) - 1)))
    lines = []
    if any(column.heading for column in columns):
        lines.append(style.bold(_line([column.heading for column in columns], columns, widths)))
    for row in cells:
        first, *more = wrapped(row[-1], widths[-1]) if width is not None else [row[-1]]
        lines.append(_line([*row[:-1], first], columns, widths))
        lines += [_line([*[""] * (len(row) - 1), each], columns, widths) for each in more]
    return "".join(line + "\n" for line in lines)


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        space = " " * (width - width_of(cell))
        padded.append(space + cell if column.is_number else cell + space)
    return (" " * GAP).join(padded).rstrip()
