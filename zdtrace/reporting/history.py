"""A history for people at a terminal: a line a recording."""

from __future__ import annotations

from datetime import UTC, datetime

from zdtrace.analysis.history import History, Run
from zdtrace.analysis.words import at_least, counted
from zdtrace.reporting.layout import Column, Style, grid, wrapped

_UNKNOWN = "-"
_LONGEST = 16
_LEGEND = "PATH: how long ended pods were still chosen, at most. PRESTOP: as recorded. ENOUGH: what this one supports."


def table(history: History, *, width: int, style: Style) -> str:
    """Return a line a recording, oldest first, and what they support together."""
    columns = [
        Column("BEGAN"), Column("RECORDING"), Column("FAILED", is_number=True), Column("SENT", is_number=True),
        Column("PATH", is_number=True), Column("PRESTOP", is_number=True), Column("ENOUGH", is_number=True),
        Column("CAUSES"),
    ]
    rows = [_row(run) for run in history.runs]
    text = grid(columns, rows, width=width, style=style)
    lines = wrapped(_LEGEND, width)
    together = history.together
    if together is not None and len(history.runs) > 1:
        claim = together.claim
        lines += ["", *wrapped(
            f"Together: {together.sentence} {claim.rollouts} rollouts; with {claim.confidence:.0%} confidence at least "
            f"{at_least(claim.coverage)} of such rollouts need no longer one.", width,
        )]
    return text + "\n" + "".join(line + "\n" for line in lines)


def _row(run: Run) -> list[str]:
    found = run.recommendation
    began = _UNKNOWN if run.began_at_ns is None else (
        datetime.fromtimestamp(run.began_at_ns / 1e9, UTC).strftime("%m-%d %H:%M")
    )
    requests = run.diagnosis.requests
    name = run.recording if len(run.recording) <= _LONGEST else run.recording[: _LONGEST - 1] + "…"
    return [
        began, name, counted(requests.failed), counted(requests.total),
        _seconds(run.propagation_s), _seconds(found.current_prestop_s if found else None),
        _seconds(found.prestop_s if found else None),
        ", ".join(f"{cause} {counted(count)}" for cause, count in run.causes.items()) or _UNKNOWN,
    ]


def _seconds(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{round(value, 2):g} s"
