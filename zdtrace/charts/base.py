"""What all pictures share: how one is drawn, colours and shapes of causes, instants as seconds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from zdtrace.printable import printable

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

WIDTH = 860
"""Of the plots, px; pages set another."""
LABELS = 176
"""Room for the labels left of the plots, px, so that plots below each other line up."""
UNATTRIBUTED = "unattributed"
_LONGEST = 120
# Each at least 3 to 1 on white and on #14181d, and told apart by people who see no red or no green: after Okabe, Ito.
_COLORS = ("#d55e00", "#0072b2", "#009e73", "#b4619a", "#a87900", "#2b95c9", "#8c6bb1", "#c0504d")
_SHAPES = (
    "circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left",
)
_NO_COLOR, _NO_SHAPE = "#7f7f7f", "M-1,-1L1,1M1,-1L-1,1"
BLUE, ORANGE, RED, GREEN, GRAY, PURPLE = "#0072b2", "#a87900", "#d55e00", "#009e73", "#7f7f7f", "#8c6bb1"

IN_PERIOD = "period_from === null || (datum.started_s >= period_from && datum.started_s <= period_until)"
"""Whether a mark began in the period that a reader chose, see `period_params`; none chosen is all of the run."""

Frames = Mapping[str, "pl.DataFrame"]


class Words(Protocol):
    """The words of a language: `words("chart.seconds")`, and the title of a cause."""

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return a text with its values in it."""

    def cause(self, name: str, /) -> str:
        """Return the title of a cause."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: the queries that it reads, and what draws their frames; None when there is nothing to see."""

    name: str
    reads: tuple[str, ...]
    draw: Callable[[Frames, Words, Sheet], alt.TopLevelMixin | None]

    def specification(self, frames: Frames, words: Words, *, is_checked: bool = False) -> dict[str, Any] | None:
        """Return the picture in Vega-Lite; `is_checked` holds each part of it against the schema, which takes long."""
        from altair.utils import schemapi

        sheet = Sheet({})
        with schemapi.debug_mode(is_checked):
            chart = self.draw({name: _readable(frame) for name, frame in frames.items()}, words, sheet)
            found: dict[str, Any] | None = None if chart is None else chart.to_dict(validate=is_checked)
        if found is not None:
            wanted = set(re.findall(r"\w+", json.dumps(found)))
            found["datasets"] = {name: _drawn(frame, wanted) for name, frame in sheet.frames.items()}
        return found


def _readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with texts of strangers as they can be shown: names of a megabyte end Vega's engine."""
    import polars as pl

    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns(*(
        pl.Series(name, [None if each is None else _short(each) for each in frame[name].to_list()], dtype=pl.String)
        for name in texts
    ))


def _short(text: str) -> str:
    shown = printable(text[:_LONGEST])
    return shown if len(text) <= _LONGEST else shown + "…"


def _drawn(frame: pl.DataFrame, wanted: set[str]) -> list[dict[str, Any]]:
    """Return the rows with the columns that the picture names; numbers as fine as can be seen."""
    import polars as pl

    # Nanoseconds since 1970 are no numbers of JavaScript; no picture names them.
    shown = frame.select(name for name in frame.columns if name in wanted and not name.endswith("_ns"))
    return shown.with_columns(pl.col(pl.Float64).round(6)).to_dicts()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a picture, kept apart from how they are drawn: altair would copy them again and again."""

    frames: dict[str, pl.DataFrame]

    def chart(self, frame: pl.DataFrame) -> alt.Chart:
        """Return a chart on the rows of a frame."""
        import altair as alt

        name = next((name for name, known in self.frames.items() if known is frame), f"rows{len(self.frames)}")
        self.frames[name] = frame
        return alt.Chart(alt.NamedData(name=name))


def seconds(frame: pl.DataFrame, zero_ns: int, *names: str) -> pl.DataFrame:
    """Return the frame with a column `…_s` for each named column `…_ns`: seconds since `zero_ns`."""
    import polars as pl

    return frame.with_columns(
        *(((pl.col(name) - zero_ns) / 1e9).alias(f"{name.removesuffix('_ns')}_s") for name in names),
        *(
            # As text, because a picture's numbers cannot hold nanoseconds since 1970.
            pl.from_epoch(pl.col(name), time_unit="ns").dt.strftime("%H:%M:%S%.6f").alias(f"{name}_utc")
            for name in names
        ),
    )


def since_begin(failures: pl.DataFrame, window: pl.DataFrame) -> pl.DataFrame:
    """Return the marks with `started_s`: seconds since the begin of the run, which a period is chosen in."""
    import polars as pl

    zero = window["run_from_ns"][0] if not window.is_empty() else 0
    return failures.with_columns(((pl.col("started_ns") - zero) / 1e9).alias("started_s"))


def period_params() -> list[alt.Parameter]:
    """Return the bounds of the chosen period, which a page sets in each picture that is not one of time itself."""
    import altair as alt

    return [alt.param(name=name, value=None) for name in ("period_from", "period_until")]


def cause_scales(causes: Sequence[str], words: Words) -> tuple[alt.Scale, alt.Scale]:
    """Return the colours and the shapes of causes by their titles; each cause has one of its own of both."""
    import altair as alt

    named = [name for name in causes if name != UNATTRIBUTED]
    domain = [words.cause(name) for name in named]
    colors = [_COLORS[place % len(_COLORS)] for place in range(len(named))]
    # Beyond the eighth the pairs of colour and shape still differ.
    shapes = [_SHAPES[(place + place // len(_COLORS)) % len(_SHAPES)] for place in range(len(named))]
    if UNATTRIBUTED in causes:
        domain.append(words.cause(UNATTRIBUTED))
        colors.append(_NO_COLOR)
        shapes.append(_NO_SHAPE)
    return alt.Scale(domain=domain, range=colors), alt.Scale(domain=domain, range=shapes)


def by_cost(failures: pl.DataFrame) -> list[str]:
    """Return the causes of the failed requests, costliest first, as in the verdict."""
    import polars as pl

    counts = failures.group_by("cause").agg(pl.col("failed_count").sum())
    return counts.sort(["failed_count", "cause"], descending=[True, False])["cause"].to_list()


def with_titles(frame: pl.DataFrame, words: Words) -> pl.DataFrame:
    """Return the frame with the title of each cause in `title`."""
    import polars as pl

    titles = {name: words.cause(name) for name in frame["cause"].unique().to_list()}
    return frame.with_columns(pl.col("cause").replace_strict(titles, return_dtype=pl.String).alias("title"))


def size_of(failures: pl.DataFrame) -> alt.Size:
    """Return the area of marks that stand for several failed requests: a single one can always be seen."""
    import altair as alt

    most = max(failures["failed_count"].to_list(), default=1)
    largest = 42 if most < 2 else min(600, 42 + 40 * most)
    return alt.Size("failed_count:Q", legend=None, scale=alt.Scale(
        domain=[1, most], range=[42, largest], type="linear"
    ))


def labels(**more: Any) -> alt.Axis:
    """Return a y axis whose labels take the room that all pictures leave for them."""
    import altair as alt

    return alt.Axis(minExtent=LABELS, maxExtent=LABELS, labelLimit=LABELS - 8, **more)


def tooltips(**fields: str) -> list[alt.Tooltip]:
    """Return what is shown on hover, by field: `tooltips(title="Cause")`; numbers end in `:Q`."""
    import altair as alt

    return [
        alt.Tooltip(name.removesuffix("__q"), type="quantitative", title=title, format=",.6~g")
        if name.endswith("__q") else alt.Tooltip(name, type="nominal", title=title)
        for name, title in fields.items()
    ]
