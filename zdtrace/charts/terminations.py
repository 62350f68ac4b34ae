"""Picture B: all ends of pods laid over each other at their deletion, with the requests that failed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zdtrace.charts.base import (
    BLUE,
    GRAY,
    GREEN,
    IN_PERIOD,
    PURPLE,
    RED,
    WIDTH,
    Frames,
    Sheet,
    Words,
    by_cost,
    cause_scales,
    labels,
    period_params,
    since_begin,
    size_of,
    tooltips,
    with_titles,
)

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

READS = ("findings.chart_terminations", "findings.chart_failures", "findings.chart_window")
# In the order in which they should happen: everybody learns of it, then the process ends.
_STEPS = {"withdrawn": BLUE, "applied": PURPLE, "routed": GREEN, "signalled": RED, "exited": GRAY}
_SHAPES = {
    "withdrawn": "square", "applied": "diamond", "routed": "circle", "signalled": "triangle-down", "exited": "cross",
}
_ROW = 26


def draw(frames: Frames, words: Words, sheet: Sheet) -> alt.TopLevelMixin | None:
    """Return a row a step with a mark for each pod, the failed requests below; None when no pod was deleted."""
    import altair as alt
    import polars as pl

    steps = _steps(frames["findings.chart_terminations"], words)
    if steps.is_empty():
        return None
    failures = frames["findings.chart_failures"]
    causes = by_cost(failures)
    failures = with_titles(failures.filter(pl.col("since_deleted_ms").is_not_null()), words).with_columns(
        (pl.col("since_deleted_ms") / 1e3).alias("at_s"), pl.col("title").alias("row")
    )
    failures = since_begin(failures, frames["findings.chart_window"])
    shown = [each for each in _STEPS if each in steps["step"].to_list()]
    rows = [
        *(row for step in shown for row in sorted(steps.filter(pl.col("step") == step)["row"].unique().to_list())),
        *(words.cause(each) for each in causes if each in failures["cause"].to_list()),
    ]
    # Said, not found from the rows: what is left of them in a period must not move the others.
    y = alt.Y("row:N", sort=rows, scale=alt.Scale(domain=rows),
              axis=labels(title=None, grid=True, ticks=False, domain=False))
    x = alt.X("lo_s:Q", title=words("chart.since_deletion"), scale=alt.Scale(
        domain=_span([*steps["lo_s"], *steps["hi_s"], *failures["at_s"]]), nice=False, zero=False, padding=14
    ))
    layers: list[alt.Chart | alt.LayerChart | alt.FacetChart] = [
        *_overlap(steps, words, sheet, x), _marks(steps, words, sheet, x, y),
    ]
    if not failures.is_empty():
        layers.append(_failures(failures, causes, words, sheet, y))
    picture: alt.LayerChart | alt.FacetChart = alt.layer(*layers).resolve_scale(
        color="independent", shape="independent"
    ).add_params(*period_params()).properties(width=WIDTH, height=_ROW * len(rows))
    return picture


def _span(values: Sequence[float | None]) -> list[float]:
    known = [each for each in values if each is not None]
    return [min(known), max(min(known) + 0.001, *known)]


def _steps(terminations: pl.DataFrame, words: Words) -> pl.DataFrame:
    import polars as pl

    names = {step: words(f"steps.{step}") for step in _STEPS}
    return terminations.filter(pl.col("step").is_in(list(_STEPS))).with_columns(
        (pl.col("lo_ms") / 1e3).alias("lo_s"), (pl.col("hi_ms") / 1e3).alias("hi_s"),
        ((pl.col("lo_ms") + pl.coalesce("hi_ms", "lo_ms")) / 2e3).alias("at_s"),
        (
            pl.col("step").replace_strict(names, default=None, return_dtype=pl.String)
            + pl.when(pl.col("proxy").is_not_null()).then(pl.lit(": ") + pl.col("proxy")).otherwise(pl.lit(""))
        ).alias("row"),
    )


def _overlap(steps: pl.DataFrame, words: Words, sheet: Sheet, x: alt.X) -> list[alt.Chart]:
    """Shade from the first SIGTERM to the last step of those who still sent requests: that is where they are lost."""
    import polars as pl

    first = steps.filter(pl.col("step") == "signalled")["at_s"].min()
    last = steps.filter(pl.col("step").is_in(["routed", "applied"]))["hi_s"].max()
    if not isinstance(first, float) or not isinstance(last, float) or last <= first:
        return []
    area = sheet.chart(pl.DataFrame({"lo_s": [first], "hi_s": [last], "what": [words("chart.overlap")]}))
    return [
        area.mark_rect(color=RED, opacity=0.12).encode(x=x, x2="hi_s:Q", tooltip=tooltips(
            what=words("chart.what"), lo_s__q=words("chart.from"), hi_s__q=words("chart.until")
        )),
    ]


def _marks(
    steps: pl.DataFrame, words: Words, sheet: Sheet, x: alt.X, y: alt.Y
) -> alt.LayerChart | alt.FacetChart:
    import altair as alt

    hover = tooltips(
        row=words("chart.what"), pod_name=words("chart.pod"), lo_s__q=words("chart.earliest"),
        hi_s__q=words("chart.latest"), reference=words("chart.evidence"),
    )
    steps_seen = [step for step in _STEPS if step in steps["step"].to_list()]
    color = alt.Color("step:N", legend=None, scale=alt.Scale(
        domain=steps_seen, range=[_STEPS[step] for step in steps_seen]
    ))
    shape = alt.Shape("step:N", legend=None, scale=alt.Scale(
        domain=steps_seen, range=[_SHAPES[step] for step in steps_seen]
    ))
    base = sheet.chart(steps).encode(y=y, tooltip=hover, color=color)
    return alt.layer(
        base.mark_rule(strokeWidth=5, opacity=0.3).encode(x=x, x2="hi_s:Q"),
        base.mark_point(filled=True, size=90, opacity=0.95).encode(x=alt.X("at_s:Q"), shape=shape),
    )


def _failures(
    failures: pl.DataFrame, causes: list[str], words: Words, sheet: Sheet, y: alt.Y
) -> alt.Chart:
    import altair as alt

    colors, shapes = cause_scales(causes, words)
    marks: alt.Chart = sheet.chart(failures).mark_point(strokeWidth=1.4, opacity=0.8, filled=False).transform_filter(
        IN_PERIOD
    ).encode(
        x=alt.X("at_s:Q"), y=y,
        size=size_of(failures),
        color=alt.Color("title:N", scale=colors, legend=None), shape=alt.Shape("title:N", scale=shapes, legend=None),
        tooltip=tooltips(
            title=words("chart.cause"), request_id=words("chart.request"), at_s__q=words("chart.since_deletion"),
            pod_name=words("chart.pod"), failed_count__q=words("chart.failed"),
        ),
    )
    return marks
