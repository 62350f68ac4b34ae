"""Rows of pictures: instants as seconds, titles, and what causes and counts look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zdtrace.analysis.words import UNATTRIBUTED, clock_time
from zdtrace.charts.base import Row, Words

# Each at least 3 to 1 on white and on #14181d, and told apart by people who see no red or no green: after Okabe, Ito.
_COLORS = ("#d55e00", "#0072b2", "#009e73", "#b4619a", "#a87900", "#2b95c9", "#8c6bb1", "#c0504d")
_SHAPES = (
    "circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left",
)
_NO_COLOR, _NO_SHAPE = "#7f7f7f", "M-1,-1L1,1M1,-1L-1,1"
_SMALLEST, _LARGEST = 42, 600


def seconds(rows: Sequence[Row], zero_ns: int, *names: str) -> list[Row]:
    """Return the rows with, for each named `…_ns`, seconds since `zero_ns` in `…_s`, and `…_ns_utc`."""
    return [
        {
            **row,
            **{f"{name.removesuffix('_ns')}_s": (row[name] - zero_ns) / 1e9 for name in names},
            # As text, because a picture's numbers cannot hold nanoseconds since 1970.
            **{f"{name}_utc": clock_time(row[name]) for name in names},
        }
        for row in rows
    ]


def since_begin(failures: Sequence[Row], window: Sequence[Row]) -> list[Row]:
    """Return the marks with `started_s`: seconds since the begin of the run, which a period is chosen in."""
    zero = window[0]["run_from_ns"] if window else 0
    return [{**row, "started_s": (row["started_ns"] - zero) / 1e9} for row in failures]


def with_titles(rows: Sequence[Row], words: Words) -> list[Row]:
    """Return the rows with the title of each cause in `title`."""
    titles = {name: words.cause(name) for name in {row["cause"] for row in rows}}
    return [{**row, "title": titles[row["cause"]]} for row in rows]


def by_cost(failures: Sequence[Row]) -> list[str]:
    """Return the causes of the failed requests, costliest first, as in the verdict."""
    counts = counted(failures, "cause")
    return sorted(counts, key=lambda name: (-counts[name], name))


def counted(failures: Sequence[Row], name: str) -> dict[str, int]:
    """Return how many failed requests have each value of a column."""
    counts: dict[str, int] = {}
    for row in failures:
        counts[row[name]] = counts.get(row[name], 0) + row["failed_count"]
    return counts


def cause_places(causes: Sequence[str], words: Words) -> dict[str, Any]:
    """Return the colours and the shapes of causes by their titles; each cause has one of its own of both."""
    known = [name for name in causes if name != UNATTRIBUTED]
    titles = [words.cause(name) for name in known]
    colors = [_COLORS[number % len(_COLORS)] for number in range(len(known))]
    # Beyond the eighth the pairs of colour and shape still differ.
    shapes = [_SHAPES[(number + number // len(_COLORS)) % len(_SHAPES)] for number in range(len(known))]
    if UNATTRIBUTED in causes:
        titles.append(words.cause(UNATTRIBUTED))
        colors.append(_NO_COLOR)
        shapes.append(_NO_SHAPE)
    return {"causes": titles, "colors": colors, "shapes": shapes}


def size_places(failures: Sequence[Row]) -> dict[str, Any]:
    """Return the areas of marks that stand for several failed requests: a single one can always be seen."""
    most = max((row["failed_count"] for row in failures), default=1)
    largest = _SMALLEST if most < 2 else min(_LARGEST, _SMALLEST + 40 * most)
    return {"counts": [1, most], "areas": [_SMALLEST, largest]}
