"""Picture C: what each cause cost and how sure that is; each failed request is in one, the unexplained always shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from zdtrace.charts.base import (
    IN_PERIOD,
    UNATTRIBUTED,
    WIDTH,
    Frames,
    Sheet,
    Words,
    by_cost,
    cause_scales,
    labels,
    period_params,
    since_begin,
    tooltips,
    with_titles,
)

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

READS = ("findings.chart_failures", "findings.chart_window")
_TIERS = {"A": 1.0, "B": 0.85, "C": 0.6, "D": 0.4, "U": 1.0}
_ROW = 34


def draw(frames: Frames, words: Words, sheet: Sheet) -> alt.TopLevelMixin | None:
    """Return a bar a cause, cut by tier; None when nothing failed."""
    import altair as alt
    import polars as pl

    failures = frames["findings.chart_failures"]
    if failures.is_empty():
        return None
    order = [*(name for name in by_cost(failures) if name != UNATTRIBUTED), UNATTRIBUTED]
    counts = with_titles(_with_unexplained(
        since_begin(failures, frames["findings.chart_window"]).select("cause", "tier", "failed_count", "started_s")
    ), words).with_columns(
        pl.col("tier").replace_strict(
            {tier: words("chart.of_tier", tier=tier) for tier in _TIERS}, return_dtype=pl.String
        ).alias("tier_name"),
        pl.col("tier").filter(pl.col("failed_count") > 0).unique().sort().str.join(", ").over("title").alias("tiers"),
    )
    most = max(counts.group_by("title").agg(pl.col("failed_count").sum())["failed_count"].to_list())
    titles = [words.cause(name) for name in order]
    colors, _ = cause_scales(order, words)
    y = alt.Y("title:N", sort=titles, scale=alt.Scale(domain=titles),
              axis=labels(title=None, ticks=False, domain=False))
    x = alt.X("sum(within):Q", title=words("chart.failed"), axis=alt.Axis(tickMinStep=1, format="d"), stack="zero",
              scale=alt.Scale(domain=[0, 1.35 * most]))
    base = sheet.chart(counts).transform_calculate(within=f"({IN_PERIOD}) ? datum.failed_count : 0")
    bars = base.mark_bar(height=20).encode(
        x=x, y=y, color=alt.Color("title:N", scale=colors, legend=None), order=alt.Order("tier:O"),
        opacity=alt.Opacity(
            "tier:O", sort=list(_TIERS), legend=None,
            scale=alt.Scale(domain=list(_TIERS), range=list(_TIERS.values())),
        ),
        tooltip=[
            *tooltips(title=words("chart.cause"), tier_name=words("chart.tier")),
            alt.Tooltip("sum(within):Q", title=words("chart.failed")),
        ],
    )
    tier = json.dumps(f"  {words('chart.tier')} ")
    text = base.transform_aggregate(
        shown="sum(within)", total="sum(failed_count)", groupby=["title", "tiers"]
    ).transform_calculate(
        text=f"period_from !== null ? datum.shown + ' / ' + datum.total"
        f" : datum.total + (datum.tiers ? {tier} + datum.tiers : '')"
    ).mark_text(align="left", dx=6, fontSize=13).encode(x=alt.X("shown:Q"), y=y, text="text:N")
    picture: alt.LayerChart | alt.FacetChart = alt.layer(bars, text).add_params(*period_params()).properties(
        width=WIDTH, height=_ROW * len(order)
    )
    return picture


def _with_unexplained(counts: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    if UNATTRIBUTED in counts["cause"].to_list():
        return counts
    none = pl.DataFrame(
        {"cause": [UNATTRIBUTED], "tier": ["U"], "failed_count": [0], "started_s": [None]}, schema=counts.schema
    )
    return pl.concat([counts, none])
