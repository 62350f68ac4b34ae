"""Picture D: how many requests would still fail at each length of preStop, from what surely to what may fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdtrace.charts.base import GREEN, ORANGE, RED, WIDTH, Frames, Sheet, Words, labels, tooltips

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

READS = ("doses", "marks")
"""No queries: `doses` with `prestop_s`, `failed_certain`, `failed_possible`, and `marks` with `prestop_s`, `state`."""


def draw(frames: Frames, words: Words, sheet: Sheet) -> alt.TopLevelMixin | None:
    """Return the band, with a line at the present preStop and one at the recommended; None without doses."""
    import altair as alt

    doses = frames["doses"]
    if doses.height < 2:
        return None
    x = alt.X("prestop_s:Q", title=words("chart.prestop"), scale=alt.Scale(nice=False, zero=True, padding=6),
              axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("failed_possible:Q", title=words("chart.predicted"), axis=labels(title=words("chart.predicted")))
    hover = tooltips(
        prestop_s__q=words("chart.prestop"), failed_certain__q=words("recommendation.certain"),
        failed_possible__q=words("recommendation.possible"),
    )
    base = sheet.chart(doses).encode(x=x, tooltip=hover)
    band = base.mark_area(interpolate="step-after", color=RED, opacity=0.25).encode(y=y, y2="failed_certain:Q")
    sure = base.mark_line(interpolate="step-after", color=RED, strokeWidth=2.5).encode(y=alt.Y("failed_certain:Q"))
    points = base.mark_point(color=RED, filled=True, size=45, opacity=1).encode(y=alt.Y("failed_possible:Q"))
    return alt.layer(band, sure, points, *_lines(frames["marks"], words, sheet)).properties(width=WIDTH, height=230)


def _lines(marks: pl.DataFrame, words: Words, sheet: Sheet) -> list[alt.Chart]:
    import altair as alt
    import polars as pl

    layers = []
    for state, color, dash in (("now", ORANGE, [2, 3]), ("recommended", GREEN, [7, 3])):
        these = marks.filter(pl.col("state") == state)
        if these.is_empty():
            continue
        seconds = f"{these['prestop_s'][0]:g}"
        these = these.with_columns(pl.lit(words(f"chart.{state}", seconds=seconds)).alias("label"))
        base = sheet.chart(these).encode(x=alt.X("prestop_s:Q"))
        layers += [
            base.mark_rule(color=color, strokeWidth=2.5, strokeDash=dash),
            base.mark_text(align="left", dx=6, dy=0 if state == "now" else 18, fontSize=13, baseline="top").encode(
                y=alt.value(0), text="label:N"
            ),
        ]
    return layers
