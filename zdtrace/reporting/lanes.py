"""The lanes of a recording as a small picture of characters: what failed when, above what the pods did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zdtrace.analysis.diagnosis import Diagnosis
from zdtrace.printable import printable
from zdtrace.reporting.layout import Style, width_of, wrapped

_PODS = 5
_PROXIES = 2
_LONGEST = 24
_BARS = ("▁", "▂", "▃", "▄", "▅", "▆", "▇", "█")
_STATES = {"starting": ".", "serving": "=", "prestop": "~", "stopping": "!", "removing": ".", "crashed": "x"}
_KEY = "= in service, ~ preStop, ! SIGTERM to exit, x crashed, ^ proxy takes new endpoints into use"


def sparkline(counts: Sequence[int], width: int) -> str:
    """Return counts as a line of bars of `width` cells; a cell with anything in it is never blank."""
    cells = [0] * width
    for place, count in enumerate(counts):
        cells[place * width // len(counts)] += count
    most = max(cells, default=0)
    return "".join(" " if not cell else _BARS[(cell * len(_BARS) - 1) // most] for cell in cells)


def failures_over_time(diagnosis: Diagnosis) -> list[int]:
    """Return the failed requests of each slice of the part that is shown first."""
    window, rates = _rows(diagnosis, "findings.chart_window"), _rows(diagnosis, "findings.chart_failures")
    if not window:
        return []
    begin, end = window[0]["focus_from_ns"], window[0]["focus_until_ns"]
    slices = [0] * 240
    for row in rates:
        if begin <= row["started_ns"] <= end:
            slices[min(239, (row["started_ns"] - begin) * 240 // (end - begin))] += row["failed_count"]
    return slices


def lanes(diagnosis: Diagnosis, *, width: int, style: Style) -> str:
    """Return the picture; nothing when no pod ended or nothing was sent."""
    window, bars = _rows(diagnosis, "findings.chart_window"), _rows(diagnosis, "findings.chart_lanes")
    pods = _ended(bars)
    if not window or not pods:
        return ""
    begin, end = window[0]["focus_from_ns"], window[0]["focus_until_ns"]
    names = {pod: _short(pod) for pod in pods}
    proxies = list(dict.fromkeys(row["lane"] for row in bars if row["kind"] == "proxy" and "sync" not in row["lane"]))
    labels = ["failed requests", *names.values(), *map(_short, proxies[:_PROXIES])]
    room = max(map(width_of, labels)) + 2
    cells = max(20, width - room)

    def line(label: str, picture: str) -> str:
        return label + " " * (room - width_of(label)) + picture.rstrip()

    seconds = (end - begin) / 1e9
    lines = [
        style.bold("WHAT HAPPENED") + f": {seconds:.2f} s, from {(begin - window[0]['run_from_ns']) / 1e9:.2f} s on",
        line("failed requests", style.signal("fail", sparkline(failures_over_time(diagnosis), cells))),
        *(
            line(name, _lane([row for row in bars if row["kind"] == "pod" and row["lane"] == pod], begin, end, cells))
            for pod, name in names.items()
        ),
        *(
            line(_short(proxy), _lane([row for row in bars if row["lane"] == proxy], begin, end, cells))
            for proxy in proxies[:_PROXIES]
        ),
        *wrapped(_KEY, width),
    ]
    return "".join(each + "\n" for each in lines)


def _rows(diagnosis: Diagnosis, query: str) -> list[dict[str, Any]]:
    diagnosis.engine.make(query)
    return diagnosis.engine.rows(f"from {query}")


def _ended(bars: Sequence[Mapping[str, Any]]) -> list[str]:
    ends: dict[str, int] = {}
    for row in bars:
        if row["kind"] == "pod" and row["state"] in ("stopping", "crashed"):
            ends[row["lane"]] = min(ends.get(row["lane"], row["from_ns"]), row["from_ns"])
    return sorted(ends, key=lambda lane: (ends[lane], lane))[:_PODS]


def _lane(rows: Sequence[Mapping[str, Any]], begin: int, end: int, cells: int) -> str:
    picture = [" "] * cells
    for row in rows:
        if row["until_ns"] < begin or row["from_ns"] > end:
            continue
        first = max(0, (row["from_ns"] - begin) * cells // (end - begin))
        last = min(cells - 1, (row["until_ns"] - begin) * cells // (end - begin))
        if row["kind"] == "proxy":
            picture[min(first, cells - 1)] = "^"
            continue
        for cell in range(min(first, cells - 1), last + 1):
            picture[cell] = _STATES.get(row["state"], "=")
    return "".join(picture)


def _short(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= _LONGEST else "…" + shown[-(_LONGEST - 1):]
