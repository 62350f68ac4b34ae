"""Picture C: what each cause cost and how sure that is; each failed request is in one, the unexplained always shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from zdtrace.analysis.words import UNATTRIBUTED
from zdtrace.charts.base import (
    IN_LINES,
    IN_PERIOD,
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
    tooltips,
    word,
)
from zdtrace.charts.rows import by_cost, cause_places, counted, since_begin, with_titles

if TYPE_CHECKING:
    import altair as alt

READS = ("findings.chart_failures", "findings.chart_window")
_TIERS = {"A": 1.0, "B": 0.85, "C": 0.6, "D": 0.4, "U": 1.0}
_ROW = 34


def fill(tables: Tables, words: Words) -> Filling | None:
    """Return the counts of each cause and tier; None when nothing failed."""
    failures = tables["findings.chart_failures"]
    if not failures:
        return None
    order = [*(name for name in by_cost(failures) if name != UNATTRIBUTED), UNATTRIBUTED]
    tiers = {name: sorted({row["tier"] for row in failures if row["cause"] == name}) for name in order}
    titled = with_titles(_with_unexplained(since_begin(failures, tables["findings.chart_window"])), words)
    counts = [
        {
            **{name: row[name] for name in ("cause", "tier", "failed_count", "started_s", "title")},
            "tier_name": words("chart.of_tier", tier=row["tier"]), "tiers": ", ".join(tiers[row["cause"]]),
        }
        for row in titled
    ]
    tier = json.dumps(f"  {words('chart.tier')} ")
    return Filling({"counts": counts}, {
        **cause_places(order, words),
        "span": [0, 1.35 * max(counted(counts, "title").values())],
        "height": _ROW * len(order),
        "text": f"period_from !== null ? datum.shown + ' / ' + datum.total"
                f" : datum.total + (datum.tiers ? {tier} + datum.tiers : '')",
    })


def draw() -> alt.TopLevelMixin:
    """Return a bar a cause, cut by tier."""
    import altair as alt

    colors, _ = cause_scales()
    y = alt.Y("title:N", sort=place("causes"), scale=alt.Scale(domain=place("causes")),
              axis=labels(title=None, ticks=False, domain=False, labelExpr=IN_LINES, labelLineHeight=12))
    x = alt.X("sum(within):Q", title=word("chart.failed"), axis=alt.Axis(tickMinStep=1, format="d"), stack="zero",
              scale=alt.Scale(domain=place("span")))
    base = chart("counts").transform_calculate(within=f"({IN_PERIOD}) ? datum.failed_count : 0")
    bars = base.mark_bar(height=20).encode(
        x=x, y=y, color=alt.Color("title:N", scale=colors, legend=None), order=alt.Order("tier:O"),
        opacity=alt.Opacity(
            "tier:O", sort=list(_TIERS), legend=None,
            scale=alt.Scale(domain=list(_TIERS), range=list(_TIERS.values())),
        ),
        tooltip=[
            *tooltips(title="chart.cause", tier_name="chart.tier"),
            alt.Tooltip("sum(within):Q", title=word("chart.failed")),
        ],
    )
    text = base.transform_aggregate(
        shown="sum(within)", total="sum(failed_count)", groupby=["title", "tiers"]
    ).transform_calculate(text=place("text")).mark_text(align="left", dx=6, fontSize=13).encode(
        x=alt.X("shown:Q"), y=y, text="text:N"
    )
    picture: alt.LayerChart | alt.FacetChart = alt.layer(bars, text).add_params(*period_params())
    picture["width"] = WIDTH
    picture["height"] = place("height")
    return picture


def _with_unexplained(failures: list[Row]) -> list[Row]:
    if any(row["cause"] == UNATTRIBUTED for row in failures):
        return failures
    return [*failures, {"cause": UNATTRIBUTED, "tier": "U", "failed_count": 0, "started_s": None}]
