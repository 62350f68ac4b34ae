"""Text of strangers, made safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return `text` on one line, with everything that a terminal would obey or hide written as an escape.

    Names of files, pods and hosts come from strangers: `\x1b[2J` clears a screen, `\u202e` turns a line.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
