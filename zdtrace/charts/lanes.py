"""Picture A: failed requests above what happened, in lanes on one axis of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdtrace.charts.base import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
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
    named,
    place,
    scale_of,
    size,
    tooltips,
    word,
)
from zdtrace.charts.rows import by_cost, cause_places, seconds, size_places, with_titles

if TYPE_CHECKING:
    import altair as alt

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


def fill(tables: Tables, words: Words) -> Filling | None:
    """Return slices of time, failed requests and bars; None without requests."""
    if not tables["findings.chart_window"]:
        return None
    window = tables["findings.chart_window"][0]
    zero = window["run_from_ns"]
    rates = seconds(tables["findings.chart_rates"], zero, "from_ns", "until_ns")
    run = [row for row in rates if row["scope"] == "run"]
    failures = with_titles(seconds(tables["findings.chart_failures"], zero, "started_ns"), words)
    lanes = [
        {
            **row, "what": words(f"states.{row['state']}"),
            "row": row["lane"] + _ENDPOINT if row["kind"] == "endpoint" else row["lane"],
        }
        for row in seconds(tables["findings.chart_lanes"], zero, "from_ns", "until_ns")
    ]
    order = _order(lanes)
    drawn_later = list(_STATES).index
    lanes.sort(key=lambda row: drawn_later(row["state"]))
    return Filling(
        {
            "run": run, "lossy": [row for row in run if row["failed_count"]],
            "band": [row for row in rates if row["scope"] == "focus" and row["p50_ms"] is not None],
            "failures": failures, "lanes": lanes, "moments": [row for row in lanes if row["state"] in _SHAPES],
        },
        {
            **cause_places(by_cost(failures), words), **size_places(failures),
            BRUSH: [(window[name] - zero) / 1e9 for name in ("focus_from_ns", "focus_until_ns")],
            "order": order, "height": _ROW * len(order),
            "label": f"indexof(datum.label, '{_ENDPOINT}') > 0 ? '{words('chart.endpoint')}' : datum.label",
        },
    )


def draw() -> alt.TopLevelMixin:
    """Return all requests as an overview to choose the time from, failed ones by latency, the lanes."""
    import altair as alt

    brush = alt.selection_interval(
        name=BRUSH, encodings=["x"], value={"x": [0, 1]},
        mark=alt.BrushConfig(fill=GRAY, fillOpacity=0.2, stroke=GRAY),
    )
    scale = alt.Scale(domain=brush, nice=False, zero=False)
    picture: alt.TopLevelMixin = alt.vconcat(
        _overview().add_params(brush), _requests(scale), _lanes(scale), spacing=8
    ).resolve_scale(color="independent", shape="independent", size="independent")
    return picture


def _overview() -> alt.LayerChart | alt.FacetChart:
    import altair as alt

    x = alt.X("from_s:Q", title=word("chart.choose"), scale=alt.Scale(nice=False, zero=False),
              axis=alt.Axis(orient="top", grid=False))
    hidden = labels(labels=False, ticks=False, domain=False, grid=False)
    every = chart("run").mark_area(interpolate="step-after", color=GRAY, opacity=0.35).encode(
        x=x, y=alt.Y("request_count:Q", title=None, axis=hidden)
    )
    failed = chart("lossy").mark_rule(color=RED, strokeWidth=2.5).encode(
        x=x, y=alt.Y("failed_count:Q", axis=hidden, title=None), y2=alt.Y2Datum(0),
        tooltip=tooltips(from_ns_utc="chart.from", failed_count__q="chart.failed"),
    )
    return alt.layer(every, failed).properties(width=WIDTH, height=36)


def _requests(scale: alt.Scale) -> alt.LayerChart | alt.FacetChart:
    import altair as alt

    x = alt.X("from_s:Q", scale=scale, title=None, axis=alt.Axis(labels=False, ticks=False))
    log = alt.Scale(type="log", nice=True)
    axis = labels(title=word("chart.latency"), format="~s")
    calm = chart("band").mark_area(color=GRAY, opacity=0.3, clip=True).encode(
        x=x, y=alt.Y("p50_ms:Q", scale=log, axis=axis), y2="p99_ms:Q",
    )
    colors, shapes = cause_scales()
    legend = alt.Legend(orient="top", direction="horizontal", columns=0, labelLimit=420, symbolSize=90)
    marks = chart("failures").mark_point(filled=True, opacity=0.8, strokeWidth=1.5, clip=True).encode(
        x=alt.X("started_s:Q", scale=scale, title=None, axis=alt.Axis(labels=False, ticks=False)),
        y=alt.Y("latency_ms:Q", scale=log, axis=axis),
        color=alt.Color("title:N", scale=colors, title=None, sort=None, legend=legend),
        shape=alt.Shape("title:N", scale=shapes, title=None, sort=None, legend=legend),
        tooltip=tooltips(
            title="chart.cause", request_id="chart.request", started_ns_utc="chart.started",
            latency_ms__q="chart.latency", status="chart.status", pod_name="chart.pod", tier="chart.tier",
            failed_count__q="chart.failed",
        ),
        size=size(),
    )
    return alt.layer(calm, marks).properties(width=WIDTH, height=170)


def _lanes(scale: alt.Scale) -> alt.LayerChart | alt.FacetChart:
    import altair as alt

    axis = labels(title=None, grid=True, ticks=False, domain=False, labelExpr=place("label"))
    y = alt.Y("row:N", sort=place("order"), axis=axis)
    # Only the last of the panels says the time: they share the axis.
    x = alt.X("from_s:Q", scale=scale, title=word("chart.seconds"), axis=alt.Axis(grid=True))
    hover = tooltips(
        lane="chart.lane", what="chart.what", from_ns_utc="chart.from", until_ns_utc="chart.until",
        doubt_ms__q="chart.doubt", reference="chart.evidence",
    )
    bars = chart("lanes").encode(x=x, y=y, tooltip=hover).mark_bar(
        clip=True, strokeWidth=1.5, minBandSize=2, opacity=0.9
    ).encode(
        x2="until_s:Q",
        size=alt.Size("state:O", legend=None, scale=scale_of({name: each[1] for name, each in _STATES.items()})),
        stroke=alt.Stroke("state:N", legend=None, scale=scale_of({name: each[0] for name, each in _STATES.items()})),
        fill=alt.Fill("state:N", legend=None, scale=scale_of({
            name: color if is_filled else "transparent" for name, (color, _, is_filled) in _STATES.items()
        })),
    )
    colors = scale_of({name: _STATES[name][0] for name in _SHAPES})
    moments = chart("moments").mark_point(size=80, opacity=1, clip=True).encode(
        x=x, y=y, tooltip=hover, shape=alt.Shape("state:N", legend=None, scale=scale_of(_SHAPES)),
        stroke=alt.Stroke("state:N", legend=None, scale=colors), fill=alt.Fill("state:N", legend=None, scale=colors),
    )
    picture: alt.LayerChart | alt.FacetChart = alt.layer(bars, moments).resolve_scale(
        size="independent", stroke="independent", fill="independent", shape="independent"
    ).properties(width=WIDTH)
    picture["height"] = place("height")
    return picture


def _order(lanes: list[Row]) -> list[str]:
    """Return the lanes: rollouts and marks, each pod with its endpoint below it in the order of their ends, proxies."""
    in_time = sorted(lanes, key=lambda row: row["from_ns"])

    def of(kind: str) -> list[str]:
        return named([row for row in in_time if row["kind"] == kind], "row")

    ends: dict[str, int] = {}
    for row in in_time:
        if row["kind"] == "pod" and row["state"] in ("stopping", "crashed"):
            ends.setdefault(row["row"], row["from_ns"])
    firsts = {row["row"]: row["from_ns"] for row in reversed(in_time) if row["kind"] == "pod"}
    pods = sorted(firsts, key=lambda name: (name not in ends, ends.get(name, 0), firsts[name], name))
    endpoints = set(of("endpoint"))
    order = [*of("rollout"), *of("mark")]
    for pod in pods:
        order.append(pod)
        if pod + _ENDPOINT in endpoints:
            order.append(pod + _ENDPOINT)
    return [*order, *of("proxy")]
