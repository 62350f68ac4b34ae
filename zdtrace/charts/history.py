"""The history of a workload: the share of requests that failed in each run, with its bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdtrace.charts.base import BLUE, RED, WIDTH, Frames, Sheet, Words, labels, tooltips

if TYPE_CHECKING:
    import altair as alt

READS = ("history",)
"""No query: a frame with `label`, `started`, `failed_count`, `ratio`, `lo_ratio`, `hi_ratio`, a row a run."""


def draw(frames: Frames, words: Words, sheet: Sheet) -> alt.TopLevelMixin | None:
    """Return a mark a run, in the order of time: a circle when nothing failed, a triangle when something did."""
    import altair as alt

    runs = frames["history"]
    if runs.is_empty():
        return None
    y = alt.Y("ratio:Q", title=words("chart.ratio"), axis=labels(format="%", title=words("chart.ratio")))
    x = alt.X("label:N", sort=None, title=words("chart.run"), axis=alt.Axis(labelAngle=-35, labelLimit=150))
    hover = tooltips(
        label=words("chart.run"), started=words("chart.started"), failed_count__q=words("chart.failed"),
        ratio__q=words("chart.ratio"),
    )
    base = sheet.chart(runs).encode(x=x, tooltip=hover)
    bounds = base.mark_rule(strokeWidth=2, color=BLUE).encode(y=alt.Y("lo_ratio:Q"), y2="hi_ratio:Q")
    marks = base.mark_point(filled=True, size=110, opacity=1).encode(
        y=y,
        color=alt.condition("datum.failed_count > 0", alt.value(RED), alt.value(BLUE)),
        shape=alt.condition("datum.failed_count > 0", alt.value("triangle-up"), alt.value("circle")),
    )
    return alt.layer(bounds, marks).properties(width=WIDTH, height=220)
