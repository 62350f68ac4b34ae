"""A checkup for the terminal: what was looked at by area, then what to change, ready to paste."""

from __future__ import annotations

from zdtrace.analysis.checkup import Checkup
from zdtrace.printable import printable
from zdtrace.reporting.layout import Column, Style, grid, wrapped

_COLUMNS = (Column(""), Column(""), Column(""))
_WORDS = {"ok": "ok", "note": "note", "risk": "RISK", "thin": "THIN"}
_SIGNALS = {"note": "info", "risk": "warning", "thin": "fail"}
_HEADINGS = {
    "rights": "Rights", "sources": "What was listened to", "log": "Logs, and how sure they let a verdict be",
    "clocks": "Clocks", "data path": "Data path", "workload": "Workloads",
}


def table(checkup: Checkup, *, width: int, style: Style) -> str:
    """Return the checkup as text."""
    parts = []
    for area in dict.fromkeys(line.area for line in checkup.lines):
        rows = [(_WORDS[line.state], line.subject, line.words) for line in checkup.lines if line.area == area]
        text = grid(_COLUMNS, rows, width=width, style=style)
        lines = [_signalled(line, style) for line in text.splitlines()]
        parts.append(f"{style.bold(_HEADINGS.get(area, area))}\n" + "\n".join(lines) + "\n")
    for each in checkup.settings:
        head = "\n".join(wrapped(f"To change: {each.title}", width))
        words = "".join(f"{line}\n" for line in wrapped(each.words, width)) if each.words else ""
        # Neither the file nor the command is wrapped: both are to be pasted.
        file = "".join(f"    {printable(line)}\n" for line in each.text.splitlines())
        parts.append(f"{style.bold(head)}\n{words}  {each.file}:\n{file}  then:\n    {printable(each.command)}\n")
    return "\n".join(parts) + "\n" + _verdict(checkup, width, style)


def _signalled(line: str, style: Style) -> str:
    for state, word in _WORDS.items():
        if state in _SIGNALS and line.startswith(f"{word} "):
            return style.signal(_SIGNALS[state], word) + line[len(word):]
    return line


def _verdict(checkup: Checkup, width: int, style: Style) -> str:
    thin = sum(line.state == "thin" for line in checkup.lines)
    risks = sum(line.state == "risk" for line in checkup.lines)
    doubt = f"Evidence is thin: {thin} of these would leave verdicts in doubt"
    evidence = doubt if thin else "The evidence will be there"
    danger = f"; {risks} risks of losing requests" if risks else ""
    text = "\n".join(wrapped(f"{evidence}{danger}.", width))
    return style.signal("fail" if thin else "pass", text) + "\n"
