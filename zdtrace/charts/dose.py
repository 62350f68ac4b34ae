"""Picture D: how many requests would still fail at each length of preStop, from what surely to what may fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdtrace.charts.base import GREEN, ORANGE, RED, WIDTH, Filling, Tables, Words, chart, labels, tooltips, word

if TYPE_CHECKING:
    import altair as alt

READS = ("doses", "marks")
"""No queries: `doses` with `prestop_s`, `failed_certain`, `failed_possible`, and `marks` with `prestop_s`, `state`."""
_MARKS = {"now": (ORANGE, [2, 3]), "recommended": (GREEN, [7, 3])}


def fill(tables: Tables, words: Words) -> Filling | None:
    """Return the doses, and the present and the recommended one; None without doses."""
    if len(tables["doses"]) < 2:
        return None
    return Filling({"doses": tables["doses"]} | {
        state: [
            {**row, "label": words(f"chart.{state}", seconds=f"{row['prestop_s']:g}")}
            for row in tables["marks"] if row["state"] == state
        ]
        for state in _MARKS
    })


def draw() -> alt.TopLevelMixin:
    """Return the band, with a line at the present preStop and one at the recommended."""
    import altair as alt

    x = alt.X("prestop_s:Q", title=word("chart.prestop"), scale=alt.Scale(nice=False, zero=True, padding=6),
              axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("failed_possible:Q", title=word("chart.predicted"), axis=labels(title=word("chart.predicted")))
    hover = tooltips(
        prestop_s__q="chart.prestop", failed_certain__q="recommendation.certain",
        failed_possible__q="recommendation.possible",
    )
    base = chart("doses").encode(x=x, tooltip=hover)
    band = base.mark_area(interpolate="step-after", color=RED, opacity=0.25).encode(y=y, y2="failed_certain:Q")
    sure = base.mark_line(interpolate="step-after", color=RED, strokeWidth=2.5).encode(y=alt.Y("failed_certain:Q"))
    points = base.mark_point(color=RED, filled=True, size=45, opacity=1).encode(y=alt.Y("failed_possible:Q"))
    picture: alt.LayerChart | alt.FacetChart = alt.layer(band, sure, points, *_lines()).properties(
        width=WIDTH, height=230
    )
    return picture


def _lines() -> list[alt.Chart]:
    import altair as alt

    layers = []
    for state, (color, dash) in _MARKS.items():
        base = chart(state).encode(x=alt.X("prestop_s:Q"))
        layers += [
            base.mark_rule(color=color, strokeWidth=2.5, strokeDash=dash),
            base.mark_text(align="left", dx=6, dy=0 if state == "now" else 18, fontSize=13, baseline="top").encode(
                y=alt.value(0), text="label:N"
            ),
        ]
    return layers
