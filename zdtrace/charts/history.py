"""The history of a workload: the share of requests that failed in each run, with its bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdtrace.charts.base import BLUE, RED, WIDTH, Filling, Tables, Words, chart, labels, tooltips, word

if TYPE_CHECKING:
    import altair as alt

READS = ("history",)
"""No query: rows with `label`, `started`, `failed_count`, `ratio`, `lo_ratio`, `hi_ratio`, one a run."""


def fill(tables: Tables, _words: Words) -> Filling | None:
    """Return the runs; None when there are none."""
    return Filling({"runs": tables["history"]}) if tables["history"] else None


def draw() -> alt.TopLevelMixin:
    """Return a mark a run, in the order of time: a circle when nothing failed, a triangle when something did."""
    import altair as alt

    y = alt.Y("ratio:Q", title=word("chart.ratio"), axis=labels(format="%", title=word("chart.ratio")))
    x = alt.X("label:N", sort=None, title=word("chart.run"), axis=alt.Axis(labelAngle=-35, labelLimit=150))
    hover = tooltips(
        label="chart.run", started="chart.started", failed_count__q="chart.failed", ratio__q="chart.ratio",
    )
    base = chart("runs").encode(x=x, tooltip=hover)
    bounds = base.mark_rule(strokeWidth=2, color=BLUE).encode(y=alt.Y("lo_ratio:Q"), y2="hi_ratio:Q")
    marks = base.mark_point(filled=True, size=110, opacity=1).encode(
        y=y,
        color=alt.condition("datum.failed_count > 0", alt.value(RED), alt.value(BLUE)),
        shape=alt.condition("datum.failed_count > 0", alt.value("triangle-up"), alt.value("circle")),
    )
    picture: alt.LayerChart | alt.FacetChart = alt.layer(bounds, marks).properties(width=WIDTH, height=220)
    return picture
