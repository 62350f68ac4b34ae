"""Picture A: failed requests above what happened, in lanes on one axis of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zdtrace.charts.base import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    WIDTH,
    Frames,
    Sheet,
    Words,
    by_cost,
    cause_scales,
    labels,
    seconds,
    size_of,
    tooltips,
    with_titles,
)

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

READS = ("findings.chart_window", "findings.chart_rates", "findings.chart_failures", "findings.chart_lanes")
BRUSH = "period"
"""Name of the selection of time that pages listen to; its field is `from_s`."""
_ENDPOINT = " · "
# In the order of drawing: colour, height of the bar, whether it is filled: nothing is told by colour alone.
_STATES = {
    "rollout": (GRAY, 8, True), "mark": (GRAY, 8, True), "starting": (GRAY, 3, True), "serving": (GREEN, 11, True),
    "prestop": (ORANGE, 11, False), "stopping": (RED, 11, True), "removing": (GRAY, 3, True),
    "crashed": (RED, 11, False), "in_rotation": (BLUE, 5, True), "config": (PURPLE, 9, True),
    "failed_config": (RED, 9, False),
}
# Of states that may be too short for a bar, as paths: a stroke, a diamond, a triangle above the lane.
_STROKE = "M0,-1L0,1"
_SHAPES = {
    "stopping": "M-0.8,-2.4L0.8,-2.4L0,-1Z", "config": _STROKE, "failed_config": _STROKE, "crashed": _STROKE,
    "mark": "M0,-1L1,0L0,1L-1,0Z",
}
_ROW = 19


def draw(frames: Frames, words: Words, sheet: Sheet) -> alt.TopLevelMixin | None:
    """Return the picture: all requests as an overview to choose the time from, failed ones by latency, the lanes."""
    import altair as alt

    if frames["findings.chart_window"].is_empty():
        return None
    window = frames["findings.chart_window"].row(0, named=True)
    zero = window["run_from_ns"]
    focus = [(window[name] - zero) / 1e9 for name in ("focus_from_ns", "focus_until_ns")]
    rates = seconds(frames["findings.chart_rates"], zero, "from_ns", "until_ns")
    failures = with_titles(seconds(frames["findings.chart_failures"], zero, "started_ns"), words)
    lanes = seconds(frames["findings.chart_lanes"], zero, "from_ns", "until_ns")
    brush = alt.selection_interval(
        name=BRUSH, encodings=["x"], value={"x": focus},
        mark=alt.BrushConfig(fill=GRAY, fillOpacity=0.2, stroke=GRAY),
    )
    scale = alt.Scale(domain=brush, nice=False, zero=False)
    parts = [_overview(rates, words, sheet).add_params(brush), _requests(rates, failures, scale, words, sheet)]
    if not lanes.is_empty():
        parts.append(_lanes(lanes, scale, words, sheet))
    picture: alt.TopLevelMixin = alt.vconcat(*parts, spacing=8).resolve_scale(
        color="independent", shape="independent", size="independent"
    )
    return picture


def _overview(rates: pl.DataFrame, words: Words, sheet: Sheet) -> alt.LayerChart | alt.FacetChart:
    import altair as alt
    import polars as pl

    run = rates.filter(pl.col("scope") == "run")
    x = alt.X("from_s:Q", title=words("chart.choose"), scale=alt.Scale(nice=False, zero=False),
              axis=alt.Axis(orient="top", grid=False))
    y = alt.Y("request_count:Q", title=None, axis=labels(labels=False, ticks=False, domain=False, grid=False))
    every = sheet.chart(run).mark_area(interpolate="step-after", color=GRAY, opacity=0.35).encode(x=x, y=y)
    lossy = run.filter(pl.col("failed_count") > 0)
    failed = sheet.chart(lossy).mark_rule(color=RED, strokeWidth=2.5).encode(
        x=x, y=alt.Y("failed_count:Q", axis=labels(labels=False, ticks=False, domain=False, grid=False), title=None),
        y2=alt.Y2Datum(0),
        tooltip=tooltips(from_ns_utc=words("chart.from"), failed_count__q=words("chart.failed")),
    )
    return alt.layer(*([every] if lossy.is_empty() else [every, failed])).properties(width=WIDTH, height=36)


def _requests(
    rates: pl.DataFrame, failures: pl.DataFrame, scale: alt.Scale, words: Words, sheet: Sheet
) -> alt.LayerChart | alt.FacetChart:
    import altair as alt
    import polars as pl

    x = alt.X("from_s:Q", scale=scale, title=None, axis=alt.Axis(labels=False, ticks=False))
    log = alt.Scale(type="log", nice=True)
    axis = labels(title=words("chart.latency"), format="~s")
    band = rates.filter((pl.col("scope") == "focus") & pl.col("p50_ms").is_not_null())
    calm = sheet.chart(band).mark_area(color=GRAY, opacity=0.3, clip=True).encode(
        x=x, y=alt.Y("p50_ms:Q", scale=log, axis=axis), y2="p99_ms:Q",
    )
    causes = by_cost(failures)
    colors, shapes = cause_scales(causes, words)
    legend = alt.Legend(orient="top", direction="horizontal", columns=0, labelLimit=420, symbolSize=90)
    marks = sheet.chart(failures).mark_point(filled=True, opacity=0.8, strokeWidth=1.5, clip=True).encode(
        x=alt.X("started_s:Q", scale=scale, title=None, axis=alt.Axis(labels=False, ticks=False)),
        y=alt.Y("latency_ms:Q", scale=log, axis=axis),
        color=alt.Color("title:N", scale=colors, title=None, sort=None, legend=legend),
        shape=alt.Shape("title:N", scale=shapes, title=None, sort=None, legend=legend),
        tooltip=tooltips(
            title=words("chart.cause"), request_id=words("chart.request"), started_ns_utc=words("chart.started"),
            latency_ms__q=words("chart.latency"), status=words("chart.status"), pod_name=words("chart.pod"),
            tier=words("chart.tier"), failed_count__q=words("chart.failed"),
        ),
        size=size_of(failures),
    )
    layers = [each for each, rows in ((calm, band), (marks, failures)) if not rows.is_empty()] or [marks]
    return alt.layer(*layers).properties(width=WIDTH, height=170)


def _lanes(lanes: pl.DataFrame, scale: alt.Scale, words: Words, sheet: Sheet) -> alt.LayerChart | alt.FacetChart:
    import altair as alt
    import polars as pl

    rows = lanes.with_columns(
        pl.when(pl.col("kind") == "endpoint").then(pl.col("lane") + _ENDPOINT).otherwise(pl.col("lane")).alias("row"),
        pl.col("state").replace_strict({each: words(f"states.{each}") for each in _STATES}).alias("what"),
    )
    order = _order(rows)
    axis = labels(
        title=None, grid=True, ticks=False, domain=False,
        labelExpr=f"indexof(datum.label, '{_ENDPOINT}') > 0 ? '{words('chart.endpoint')}' : datum.label",
    )
    y = alt.Y("row:N", sort=order, axis=axis)
    # Only the last of the panels says the time: they share the axis.
    x = alt.X("from_s:Q", scale=scale, title=words("chart.seconds"), axis=alt.Axis(grid=True))
    hover = tooltips(
        lane=words("chart.lane"), what=words("chart.what"), from_ns_utc=words("chart.from"),
        until_ns_utc=words("chart.until"), doubt_ms__q=words("chart.doubt"), reference=words("chart.evidence"),
    )
    base = sheet.chart(_in_order(rows)).encode(x=x, y=y, tooltip=hover)
    bars = base.mark_bar(clip=True, strokeWidth=1.5, minBandSize=2, opacity=0.9).encode(
        x2="until_s:Q",
        size=alt.Size("state:O", legend=None, scale=_scale({name: each[1] for name, each in _STATES.items()})),
        stroke=alt.Stroke("state:N", legend=None, scale=_scale({name: each[0] for name, each in _STATES.items()})),
        fill=alt.Fill("state:N", legend=None, scale=_scale({
            name: color if is_filled else "transparent" for name, (color, _, is_filled) in _STATES.items()
        })),
    )
    moments = rows.filter(pl.col("state").is_in(list(_SHAPES)))
    layers = [bars]
    if not moments.is_empty():
        colors = _scale({name: _STATES[name][0] for name in _SHAPES})
        layers.append(sheet.chart(_in_order(moments)).mark_point(size=80, opacity=1, clip=True).encode(
            x=x, y=y, tooltip=hover, shape=alt.Shape("state:N", legend=None, scale=_scale(_SHAPES)),
            stroke=alt.Stroke("state:N", legend=None, scale=colors),
            fill=alt.Fill("state:N", legend=None, scale=colors),
        ))
    picture: alt.LayerChart | alt.FacetChart = alt.layer(*layers).resolve_scale(
        size="independent", stroke="independent", fill="independent", shape="independent"
    ).properties(width=WIDTH, height=_ROW * len(order))
    return picture


def _scale(values: Mapping[str, Any]) -> alt.Scale:
    import altair as alt

    return alt.Scale(type="ordinal", domain=list(values), range=list(values.values()))


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows so that what matters more is drawn later."""
    import polars as pl

    places = {state: place for place, state in enumerate(_STATES)}
    return rows.sort(pl.col("state").replace_strict(places, return_dtype=pl.Int64), maintain_order=True)


def _order(rows: pl.DataFrame) -> list[str]:
    """Return the lanes: rollouts and marks, each pod with its endpoint below it in the order of their ends, proxies."""
    import polars as pl

    def of(kind: str) -> list[str]:
        return rows.filter(pl.col("kind") == kind).sort("from_ns")["row"].unique(maintain_order=True).to_list()

    ends = rows.filter(pl.col("kind") == "pod").with_columns(
        pl.when(pl.col("state").is_in(["stopping", "crashed"])).then(pl.col("from_ns")).alias("end_ns")
    ).group_by("row").agg(pl.col("end_ns").min(), pl.col("from_ns").min())
    pods = ends.sort(["end_ns", "from_ns", "row"], nulls_last=True)["row"].to_list()
    endpoints = set(of("endpoint"))
    order = [*of("rollout"), *of("mark")]
    for pod in pods:
        order.append(pod)
        if pod + _ENDPOINT in endpoints:
            order.append(pod + _ENDPOINT)
    return [*order, *of("proxy")]
