"""What all pictures share: how one is drawn ahead and filled with rows, colours and shapes of causes.

Altair takes longer to begin than a recording takes to read. So each picture is drawn once, ahead, with places for
what differs: a template in `reports/pictures`. What a run has to do is to find the rows and to fill the places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from zdtrace.printable import printable
from zdtrace.resources import folder

if TYPE_CHECKING:
    import altair as alt

WIDTH = 860
"""Of the plots, px; pages set another."""
LABELS = 176
"""Room for the labels left of the plots, px, so that plots below each other line up."""
BLUE, ORANGE, RED, GREEN, GRAY, PURPLE = "#0072b2", "#a87900", "#d55e00", "#009e73", "#7f7f7f", "#8c6bb1"
IN_PERIOD = "period_from === null || (datum.started_s >= period_from && datum.started_s <= period_until)"
"""Whether a mark began in the period that a reader chose, see `period_params`; none chosen is all of the run."""
_LONGEST = 120
_PLACE, _WORD = "$place", "$word"

Row = dict[str, Any]
Tables = Mapping[str, list[Row]]
"""The rows of queries, by their names."""


class Words(Protocol):
    """The words of a language: `words("chart.seconds")`, and the title of a cause."""

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return a text with its values in it."""

    def cause(self, name: str, /) -> str:
        """Return the title of a cause."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What a recording puts into a picture: rows by the name of their data, and values by the name of their place."""

    rows: Mapping[str, list[Row]]
    places: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: the queries that it reads, what draws it ahead, and what fills it: None with nothing to see."""

    name: str
    reads: tuple[str, ...]
    draw: Callable[[], alt.TopLevelMixin]
    fill: Callable[[Tables, Words], Filling | None]

    def template(self) -> dict[str, Any]:
        """Return the picture in Vega-Lite with its places, drawn by altair now; `reports/pictures` holds it."""
        from altair.utils import schemapi

        # A place is none of the things that the schema allows there; the filled picture is held against it in tests.
        with schemapi.debug_mode(False):
            drawn: dict[str, Any] = self.draw().to_dict(validate=False)
        for param in drawn.get("params", ()):
            if "select" in param:
                # Altair wants numbers there; the place is called as the selection is.
                param["value"] = {name: place(param["name"]) for name in param["value"]}
        return drawn

    def specification(self, tables: Tables, words: Words) -> dict[str, Any] | None:
        """Return the picture in Vega-Lite, filled with the rows of a recording."""
        filling = self.fill({name: list(map(_readable, rows)) for name, rows in tables.items()}, words)
        if filling is None:
            return None
        template = _shipped(self.name)
        found: dict[str, Any] = _filled(json.loads(template), filling, words)
        wanted = set(re.findall(r"\w+", template))
        found["datasets"] = {name: [_drawn(row, wanted) for row in rows] for name, rows in filling.rows.items()}
        return found


@cache
def _shipped(name: str) -> str:
    return folder("reports").joinpath(f"pictures/{name}.json").read_text(encoding="utf-8")


def _filled(node: Any, filling: Filling, words: Words) -> Any:
    """Return a part of a template with its places filled; layers of data without rows are left out."""
    if isinstance(node, list):
        return [_filled(each, filling, words) for each in node]
    if not isinstance(node, dict):
        return node
    if _PLACE in node:
        return filling.places[node[_PLACE]]
    if _WORD in node:
        return words(node[_WORD])
    return {
        name: _filled(_with_rows(value, filling) if name in ("layer", "vconcat") else value, filling, words)
        for name, value in node.items()
    }


def _with_rows(nodes: list[dict[str, Any]], filling: Filling) -> list[dict[str, Any]]:
    return [each for each in nodes if _has_rows(each, filling)] or nodes[-1:]


def _has_rows(node: Mapping[str, Any], filling: Filling) -> bool:
    if "data" in node:
        return bool(filling.rows[node["data"]["name"]])
    return any(_has_rows(each, filling) for each in node["layer"]) if "layer" in node else True


def _readable(row: Row) -> Row:
    """Return the row with texts of strangers as they can be shown: names of a megabyte end Vega's engine."""
    return {name: _short(value) if isinstance(value, str) else value for name, value in row.items()}


def _short(text: str) -> str:
    shown = printable(text[:_LONGEST])
    return shown if len(text) <= _LONGEST else shown + "…"


def _drawn(row: Row, wanted: set[str]) -> Row:
    """Return the columns that the picture names; numbers as fine as can be seen."""
    # Nanoseconds since 1970 are no numbers of JavaScript; no picture names them.
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in row.items() if name in wanted and not name.endswith("_ns")
    }


def place(name: str) -> Any:
    """Return what stands for a value that depends on the recording."""
    return {_PLACE: name}


def word(key: str) -> Any:
    """Return what stands for words of the reader's language."""
    return {_WORD: key}


def chart(rows: str) -> alt.Chart:
    """Return a chart on the rows of that name."""
    import altair as alt

    return alt.Chart(alt.NamedData(name=rows))


def period_params() -> list[alt.Parameter]:
    """Return the bounds of the chosen period, which a page sets in each picture that is not one of time itself."""
    import altair as alt

    return [alt.param(name=name, value=None) for name in ("period_from", "period_until")]


def cause_scales() -> tuple[alt.Scale, alt.Scale]:
    """Return the colours and the shapes of causes by their titles, see `rows.cause_places`."""
    import altair as alt

    domain = place("causes")
    return alt.Scale(domain=domain, range=place("colors")), alt.Scale(domain=domain, range=place("shapes"))


def size() -> alt.Size:
    """Return the area of marks that stand for several failed requests, see `rows.size_places`."""
    import altair as alt

    return alt.Size("failed_count:Q", legend=None, scale=alt.Scale(
        domain=place("counts"), range=place("areas"), type="linear"
    ))


def labels(**more: Any) -> alt.Axis:
    """Return a y axis whose labels take the room that all pictures leave for them."""
    import altair as alt

    return alt.Axis(minExtent=LABELS, maxExtent=LABELS, labelLimit=LABELS - 8, **more)


IN_LINES = "split(datum.label, regexp('[,\\uff0c] *'))"
"""A title in lines, one a part: whole it is longer than the room left of a plot."""


def tooltips(**fields: str) -> list[alt.Tooltip]:
    """Return what is shown on hover, by field and its words: `tooltips(title="chart.cause")`; numbers end in `__q`."""
    import altair as alt

    return [
        alt.Tooltip(name.removesuffix("__q"), type="quantitative", title=word(key), format=",.6~g")
        if name.endswith("__q") else alt.Tooltip(name, type="nominal", title=word(key))
        for name, key in fields.items()
    ]


def scale_of(values: Mapping[str, Any]) -> alt.Scale:
    """Return what gives each name its colour, shape or size."""
    import altair as alt

    return alt.Scale(type="ordinal", domain=list(values), range=list(values.values()))


def named(values: Sequence[Row], name: str) -> list[Any]:
    """Return a column of rows: each value once, in their order."""
    return list(dict.fromkeys(row[name] for row in values))
