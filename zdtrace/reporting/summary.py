"""A diagnosis as Markdown: for the summary of a pipeline, or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from zdtrace.analysis.diagnosis import Cause, Diagnosis
from zdtrace.analysis.words import TIERS, counted
from zdtrace.reporting import markdown
from zdtrace.reporting.lanes import failures_over_time, sparkline
from zdtrace.reporting.layout import Column

_SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}


def as_markdown(diagnosis: Diagnosis) -> str:
    """Return the verdict, the causes, what to do and the doubts. Far below what a comment on GitHub may hold."""
    word = str(diagnosis.verdict)
    parts = [f"### {_SIGNS[word]} {word.upper()}: {markdown.text(diagnosis.sentence)}\n"]
    slices = failures_over_time(diagnosis)
    if any(slices):
        parts.append(f"Failed requests over time: {markdown.code('|' + sparkline(slices, 48) + '|')}\n")
    if diagnosis.causes:
        parts += [_causes(diagnosis), "".join(_remedies(diagnosis))]
    if diagnosis.checks:
        doubts = "".join(f"- {check.severity}: {markdown.text(check.message)}\n" for check in diagnosis.checks)
        parts.append(f"Doubts:\n\n{doubts}")
    parts.append(f"Recording {markdown.code(diagnosis.recording)}, {_tiers(diagnosis)}.\n")
    return "\n".join(parts)


def _causes(diagnosis: Diagnosis) -> str:
    columns = [
        Column("cause"), Column("failed", is_number=True), Column("healed", is_number=True), Column("tiers"),
        Column("for example"),
    ]
    rows = [
        [
            f"{cause.title} ({cause.name})", counted(cause.failed), counted(cause.near_misses),
            ", ".join(f"{tier} {counted(count)}" for tier, count in cause.tiers.items()),
            cause.exemplars[0] if cause.exemplars else "",
        ]
        for cause in diagnosis.causes
    ]
    return markdown.table(columns, rows)


def _remedies(diagnosis: Diagnosis) -> Iterator[str]:
    yield "What to do:\n\n"
    for cause in diagnosis.causes:
        yield f"- **{cause.name}**: {markdown.text(_remedy(cause))}\n"


def _remedy(cause: Cause) -> str:
    helps = f" Does a preStop hook help? {cause.prestop_helps}" if cause.prestop_helps else ""
    return f"{cause.remedy}.{helps}"


def _tiers(diagnosis: Diagnosis) -> str:
    used = sorted({tier for cause in diagnosis.causes for tier in cause.tiers})
    return "; ".join(f"tier {tier}: {TIERS[tier]}" for tier in used) or "nothing to explain"
