"""Text that Markdown shows as it is, and tables of it. Everything recorded is a stranger's: nothing of it is markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zdtrace.printable import printable
from zdtrace.reporting.layout import Column

_MARKUP = re.compile(r"[\\`*{}\[\]<>#|~!&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-+=]|(?<=\d)[.)](?= )|:(?=//)")
_LONGEST = 300


def text(value: str) -> str:
    """Return text for a line of Markdown: no markup, no HTML, no link, no mention, no line break; cut when too long."""
    escaped = _MARKUP.sub(lambda found: "\\" + found[0], _short(value))
    # An escape does not keep GitHub from telling @somebody; a comment in between does, and is not shown.
    return escaped.replace("@", "@<!-- -->").replace("www.", "www\\.")


def _short(value: str) -> str:
    shown = printable(value)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def code(value: str) -> str:
    """Return text set in the font of code."""
    shown = _short(value)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    gap = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{gap}{shown}{gap}{fence}"


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts, numbers to the right; the cells are escaped here."""
    lines = [
        [text(column.heading) for column in columns],
        ["---:" if column.is_number else "---" for column in columns],
        *([text(cell) for cell in row] for row in rows),
    ]
    return "".join("| " + " | ".join(cell or " " for cell in line) + " |\n" for line in lines)
