"""A comparison for people: at a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zdtrace.analysis.comparison import Comparison, Latency, Side
from zdtrace.analysis.statistics import Interval
from zdtrace.analysis.words import counted
from zdtrace.reporting import markdown
from zdtrace.reporting.language import Language
from zdtrace.reporting.layout import Column, Style, grid, wrapped

_SIGNALS = {"better": "pass", "worse": "fail", "same": "info", "inconclusive": "inconclusive"}
_UNKNOWN = "-"
Table = tuple[Sequence[Column], Sequence[Sequence[str]]]


def table(comparison: Comparison, *, width: int, style: Style) -> str:
    """Return the answer, the numbers of both sides, the causes and what the rollouts support."""
    word = str(comparison.change)
    first, *more = wrapped(f"{word.upper()}: {comparison.sentence}", width)
    head = style.signal(_SIGNALS[word], word.upper()) + first.removeprefix(word.upper())
    supports = grid([Column(""), Column("")], [["-", each] for each in comparison.supports], width=width, style=style)
    return "\n".join([
        "".join(line + "\n" for line in (head, *more)),
        *(grid(*each, width=width, style=style) for each in tables(comparison)),
        style.bold("WHAT THE ROLLOUTS SUPPORT") + "\n" + supports,
    ])


def as_markdown(comparison: Comparison, words: Language) -> str:
    """Return the same as Markdown: a heading, tables, a list."""
    word = str(comparison.change)
    shown = word.upper() if words.code == "en" else words(f"diff.{word}")
    texts = (markdown.table(*worded(each, words)) for each in tables(comparison))
    return "\n".join([
        f"### {shown}: {markdown.text(words.said(comparison.sentence))}\n",
        words("diff.sides_of", before=_names(comparison.before, words), after=_names(comparison.after, words)) + "\n",
        *texts,
        "".join(f"- {markdown.text(words.said(each))}\n" for each in comparison.supports),
    ])


def _names(side: Side, words: Language) -> str:
    first, *more = side.recordings
    return markdown.code(first) + (words("diff.and_more", count=len(more)) if more else "")


def tables(comparison: Comparison) -> Iterator[Table]:
    """Yield the tables of a comparison: its figures, the causes, the latencies, where there are any."""
    yield _figures(comparison)
    if comparison.causes:
        columns = [
            Column("CAUSE"), Column("BEFORE", is_number=True), Column("AFTER", is_number=True), Column("BY CHANCE"),
        ]
        yield columns, [
            [each.name, counted(each.before), counted(each.after), _chance(each.p_value)] for each in comparison.causes
        ]
    if comparison.before.latencies and comparison.after.latencies:
        yield _latencies(comparison.before, comparison.after)


def worded(found: Table, words: Language) -> Table:
    """Return a table with its headings and words in a language."""
    columns, rows = found
    return (
        [Column(words.said(each.heading), is_number=each.is_number) for each in columns],
        [[words.said(cell) for cell in row] for row in rows],
    )


def _figures(comparison: Comparison) -> Table:
    columns = [
        Column(""), Column("FAILED", is_number=True), Column("SENT", is_number=True),
        Column("FAILED %", is_number=True), Column("95 % BOUNDS"), Column("HEALED", is_number=True),
        Column("LOSSY ROLLOUTS"),
    ]
    sides = {"before": comparison.before, "after": comparison.after}
    rows = [
        [
            name, counted(side.failed), counted(side.requests), *_percent(side.ratio), counted(side.near_misses),
            f"{side.lossy_rollouts} of {len(side.rollouts)}",
        ]
        for name, side in sides.items()
    ]
    rows.append(["change", "", "", *_percent(comparison.difference, "+"), "", ""])
    if comparison.by_rollout:
        rows.append(["by rollout", "", "", *_percent(comparison.by_rollout, "+"), "", ""])
    rollouts = _UNKNOWN if comparison.rollout_p_value is None else _chance(comparison.rollout_p_value)
    rows.append(["by chance", "", "", _chance(comparison.p_value), "", "", rollouts])
    return columns, rows


def _latencies(before: Side, after: Side) -> Table:
    columns = [
        Column("LATENCY"), Column("BEFORE, ms", is_number=True), Column("95 % BOUNDS"),
        Column("AFTER, ms", is_number=True), Column("95 % BOUNDS"), Column("CHANGE, ms"),
    ]
    others = {each.quantile: each for each in after.latencies}
    rows = [
        [_quantile(each), *_ms(each), *_ms(others[each.quantile]), _distance(each, others[each.quantile])]
        for each in before.latencies if each.quantile in others
    ]
    return columns, rows


def _percent(ratio: Interval, sign: str = "") -> tuple[str, str]:
    value, lo, hi = (f"{number * 100:{sign}.3f}" for number in (ratio.value, ratio.lo, ratio.hi))
    return value, f"{lo} to {hi}"


def _chance(p_value: float) -> str:
    return "p<0.0001" if p_value < 0.0001 else f"p={p_value:.2g}"


def _quantile(latency: Latency) -> str:
    return "longest" if latency.quantile == 1 else f"p{latency.quantile * 100:g}"


def _ms(latency: Latency) -> tuple[str, str]:
    bounds = [_UNKNOWN if bound is None else f"{bound:.1f}" for bound in (latency.lo_ms, latency.hi_ms)]
    return f"{latency.value_ms:.1f}", "" if bounds == [_UNKNOWN] * 2 else " to ".join(bounds)


def _distance(before: Latency, after: Latency) -> str:
    change = f"{after.value_ms - before.value_ms:+.1f}"
    if before.lo_ms is None or before.hi_ms is None or after.lo_ms is None or after.hi_ms is None:
        return change
    return f"{change} (within bounds)" if after.lo_ms <= before.hi_ms and before.lo_ms <= after.hi_ms else change
