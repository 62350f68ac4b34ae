"""Picture B: all ends of pods laid over each other at their deletion, with the requests that failed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zdtrace.charts.base import (
    BLUE,
    GRAY,
    GREEN,
    IN_LINES,
    IN_PERIOD,
    PURPLE,
    RED,
    WIDTH,
    Filling,
    Row,
    Tables,
    Words,
    cause_scales,
    chart,
    labels,
    period_params,
    place,
    size,
    tooltips,
    word,
)
from zdtrace.charts.rows import by_cost, cause_places, since_begin, size_places, with_titles

if TYPE_CHECKING:
    import altair as alt

READS = ("findings.chart_terminations", "findings.chart_failures", "findings.chart_window")
# In the order in which they should happen: everybody learns of it, then the process ends.
_STEPS = {"withdrawn": BLUE, "applied": PURPLE, "routed": GREEN, "signalled": RED, "exited": GRAY}
_SHAPES = {
    "withdrawn": "square", "applied": "diamond", "routed": "circle", "signalled": "triangle-down", "exited": "cross",
}
_ROW = 28


def fill(tables: Tables, words: Words) -> Filling | None:
    """Return the steps of each end, and the requests that failed meanwhile; None when no pod was deleted."""
    steps = _steps(tables["findings.chart_terminations"], words)
    if not steps:
        return None
    every = tables["findings.chart_failures"]
    causes = by_cost(every)
    near = with_titles([row for row in every if row["since_deleted_ms"] is not None], words)
    failures = [
        {**row, "at_s": row["since_deleted_ms"] / 1e3, "row": row["title"]}
        for row in since_begin(near, tables["findings.chart_window"])
    ]
    shown = [each for each in _STEPS if any(row["step"] == each for row in steps)]
    hit = {row["cause"] for row in failures}
    # Said, not found from the rows: what is left of them in a period must not move the others.
    order = [
        *(name for step in shown for name in sorted({row["row"] for row in steps if row["step"] == step})),
        *(words.cause(each) for each in causes if each in hit),
    ]
    return Filling({"steps": steps, "overlap": _overlap(steps, words), "failures": failures}, {
        **cause_places(causes, words), **size_places(failures), "order": order, "height": _ROW * len(order),
        "span": _span([*(row[name] for row in steps for name in ("lo_s", "hi_s")), *(row["at_s"] for row in failures)]),
        "steps": shown, "step_colors": [_STEPS[each] for each in shown],
        "step_shapes": [_SHAPES[each] for each in shown],
    })


def draw() -> alt.TopLevelMixin:
    """Return a row a step with a mark for each pod, the failed requests below."""
    import altair as alt

    y = alt.Y("row:N", sort=place("order"), scale=alt.Scale(domain=place("order")),
              axis=labels(title=None, grid=True, ticks=False, domain=False, labelExpr=IN_LINES, labelLineHeight=12))
    x = alt.X("lo_s:Q", title=word("chart.since_deletion"), axis=alt.Axis(labelOverlap="parity", labelSeparation=10),
              scale=alt.Scale(domain=place("span"), nice=False, zero=False, padding=14))
    area = chart("overlap").mark_rect(color=RED, opacity=0.12).encode(
        x=x, x2="hi_s:Q", tooltip=tooltips(what="chart.what", lo_s__q="chart.from", hi_s__q="chart.until")
    )
    picture: alt.LayerChart | alt.FacetChart = alt.layer(area, _marks(x, y), _failures(y)).resolve_scale(
        color="independent", shape="independent"
    ).add_params(*period_params()).properties(width=WIDTH)
    picture["height"] = place("height")
    return picture


def _span(values: Sequence[float | None]) -> list[float]:
    known = [each for each in values if each is not None]
    return [min(known), max(min(known) + 0.001, *known)]


def _steps(terminations: Sequence[Row], words: Words) -> list[Row]:
    found = []
    for row in terminations:
        if row["step"] not in _STEPS:
            continue
        lo_ms, hi_ms = row["lo_ms"], row["hi_ms"]
        found.append({
            **row, "lo_s": lo_ms / 1e3, "hi_s": None if hi_ms is None else hi_ms / 1e3,
            "at_s": (lo_ms + (lo_ms if hi_ms is None else hi_ms)) / 2e3,
            "row": words(f"steps.{row['step']}") + (f": {row['proxy']}" if row["proxy"] is not None else ""),
        })
    return found


def _overlap(steps: Sequence[Row], words: Words) -> list[Row]:
    """Return from the first SIGTERM to the last step of those who still sent requests: that is where they are lost."""
    first = min((row["at_s"] for row in steps if row["step"] == "signalled"), default=None)
    ends = [row["hi_s"] for row in steps if row["step"] in ("routed", "applied") and row["hi_s"] is not None]
    last = max(ends, default=None)
    if first is None or last is None or last <= first:
        return []
    return [{"lo_s": first, "hi_s": last, "what": words("chart.overlap")}]


def _marks(x: alt.X, y: alt.Y) -> alt.LayerChart | alt.FacetChart:
    import altair as alt

    hover = tooltips(
        row="chart.what", pod_name="chart.pod", lo_s__q="chart.earliest", hi_s__q="chart.latest",
        reference="chart.evidence",
    )
    color = alt.Color("step:N", legend=None, scale=alt.Scale(domain=place("steps"), range=place("step_colors")))
    shape = alt.Shape("step:N", legend=None, scale=alt.Scale(domain=place("steps"), range=place("step_shapes")))
    base = chart("steps").encode(y=y, tooltip=hover, color=color)
    return alt.layer(
        base.mark_rule(strokeWidth=5, opacity=0.3).encode(x=x, x2="hi_s:Q"),
        base.mark_point(filled=True, size=90, opacity=0.95).encode(x=alt.X("at_s:Q"), shape=shape),
    )


def _failures(y: alt.Y) -> alt.Chart:
    import altair as alt

    colors, shapes = cause_scales()
    marks: alt.Chart = chart("failures").mark_point(strokeWidth=1.4, opacity=0.8, filled=False).transform_filter(
        IN_PERIOD
    ).encode(
        x=alt.X("at_s:Q"), y=y, size=size(),
        color=alt.Color("title:N", scale=colors, legend=None), shape=alt.Shape("title:N", scale=shapes, legend=None),
        tooltip=tooltips(
            title="chart.cause", request_id="chart.request", at_s__q="chart.since_deletion", pod_name="chart.pod",
            failed_count__q="chart.failed",
        ),
    )
    return marks
