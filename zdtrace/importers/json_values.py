"""Reading JSON from files of any size in bounded memory: one value a line, or one after the other.

`kubectl` writes values that span many lines, and lists of thousands of objects as one value: those are read
item by item. Whatever is broken becomes one reject, and reading goes on at the next value that begins a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

from zdtrace.importers.text import Reject

MAX_CHARACTERS = 8_000_000
"""Longest value: etcd holds objects up to 1.5 MB."""

_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
_NEAR_END = 40
_LOOK_BACK = 100


@dataclass(frozen=True, slots=True)
class Found:
    """One JSON object. `of_list` holds the other fields of the list that it is an item of, as far as read."""

    line: int
    value: dict[str, Any]
    of_list: dict[str, Any] | None = None


def json_lines(path: Path) -> Iterator[Found | Reject]:
    """Yield the object of each line; blank lines are passed over."""
    for number, line in raw_lines(path):
        yield line if isinstance(line, Reject) else parsed(number, line)


def raw_lines(path: Path) -> Iterator[tuple[int, bytes | Reject]]:
    """Yield the number and the bytes of each line that is not blank, or too long."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_CHARACTERS + 1):
            number += 1
            if len(line) > MAX_CHARACTERS:
                while line and not line.endswith(b"\n"):
                    line = file.readline(_CHUNK)
                yield number, Reject(number, "line over 8 MB")
            elif line.strip():
                yield number, line


def parsed(number: int, line: bytes) -> Found | Reject:
    """Return the JSON object that a line holds."""
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        return Reject(number, "not UTF-8")
    except RecursionError:
        return Reject(number, "nested too deeply")
    except ValueError:
        return Reject(number, "not JSON, or cut off")
    return Found(number, value) if isinstance(value, dict) else Reject(number, "not a JSON object")


def json_documents(path: Path, items: str = "items") -> Iterator[Found | Reject]:
    """Yield the objects of a file in which they follow each other; of one that has a list `items` what is in it."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        window = _Window(file)
        while window.peek():
            line = window.line
            try:
                yield from _document(window, items)
            except _Broken as broken:
                yield Reject(line if broken.line is None else broken.line, str(broken))
                window.skip_to("\n{")


def _document(window: _Window, items: str) -> Iterator[Found | Reject]:
    line = window.line
    if window.peek() != "{":
        raise _Broken("not a JSON object", line)
    window.advance(1)
    fields: dict[str, Any] = {}
    is_list = False
    character = window.peek()
    while character != "}":
        key = window.value()
        if not isinstance(key, str) or window.peek() != ":":
            raise _Broken("not JSON, or cut off", line)
        window.advance(1)
        if key == items and window.peek() == "[":
            is_list = True
            yield from _items(window, fields)
        else:
            fields[key] = window.value()
        character = window.peek()
        if character == ",":
            window.advance(1)
            character = window.peek()
        elif character != "}":
            raise _Broken("not JSON, or cut off", line)
    window.advance(1)
    if not is_list:
        yield Found(line, fields)


def _items(window: _Window, of_list: dict[str, Any]) -> Iterator[Found | Reject]:
    window.advance(1)
    window.peek()
    indent = window.indent()
    character = window.peek()
    while character != "]":
        line = window.line
        try:
            value = window.value()
            is_object = isinstance(value, dict)
            yield Found(line, value, of_list) if is_object else Reject(line, "not a JSON object")
        except _Torn:
            raise
        except _Broken as broken:
            if not indent:
                raise _Broken(f"{broken}; the rest of the list was not read", line) from None
            if not window.skip_to(indent + "{"):
                raise _Broken(str(broken), line) from None
            yield Reject(line, str(broken))
            continue
        character = window.peek()
        if character == ",":
            window.advance(1)
            character = window.peek()
        elif character != "]":
            raise _Broken("not JSON, or cut off", line)
    window.advance(1)


class _Broken(Exception):
    """What stands here is no JSON. `line` says where it began, if that is not where the document began."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


class _Torn(_Broken):
    """A document ends in its middle, and the next one begins here: it is no part of the first."""


class _Window:
    """The part of a file that is being looked at: `text` from `at` on."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.text = ""
        self.at = 0
        self.line = 1
        self.decoder = json.JSONDecoder(parse_constant=_no_number)

    def advance(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def more(self) -> bool:
        """Read on; what lies before `at` is forgotten. Returns false at the end of the file."""
        if len(self.text) - self.at > MAX_CHARACTERS:
            raise _Broken("value over 8 MB", self.line)
        chunk = self.file.read(_CHUNK)
        # A little of what lies before `at` is kept: the indentation that `indent` looks for.
        start = max(self.at - _LOOK_BACK, 0)
        self.text, self.at = self.text[start:] + chunk, self.at - start
        return bool(chunk)

    def peek(self) -> str:
        """Go to the next character that is no white space and return it; empty at the end of the file."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.advance(len(space.group()) if space else 0)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def indent(self) -> str:
        """Return the line end and the spaces right before `at`; empty when something else stands there."""
        found = re.search(r"\n[ \t]*$", self.text[max(0, self.at - _LOOK_BACK):self.at])
        return found.group() if found else ""

    def value(self) -> Any:
        """Return the next value inside a document and pass it."""
        if self.peek() == "{" and self.text[self.at - 1 : self.at] == "\n":
            raise _Torn("not JSON, or cut off")
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated") or error.pos > len(self.text) - _NEAR_END
                if is_cut and self.more():
                    continue
                raise _Broken("not JSON, or cut off") from None
            except RecursionError:
                raise _Broken("nested too deeply") from None
            except ValueError:
                raise _Broken("a number that is none") from None
            # A number that ends where the window ends may go on behind it.
            if end == len(self.text) and not isinstance(value, dict | list | str) and self.more():
                continue
            if end - self.at > MAX_CHARACTERS:
                raise _Broken("value over 8 MB")
            self.advance(end - self.at)
            return value

    def skip_to(self, mark: str) -> bool:
        """Go on to where `mark` (a line end and what follows it) stands next: to its last character."""
        while True:
            found = self.text.find(mark, max(0, self.at - 1))
            if found >= 0:
                self.advance(found + len(mark) - 1 - self.at)
                return True
            self.advance(max(0, len(self.text) - len(mark) - self.at))
            if not self.more():
                self.advance(len(self.text) - self.at)
                return False


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
