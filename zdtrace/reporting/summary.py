"""A diagnosis as Markdown: for the summary of a pipeline, or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from zdtrace.analysis.diagnosis import Cause, Diagnosis
from zdtrace.analysis.words import counted
from zdtrace.reporting import markdown
from zdtrace.reporting.lanes import failures_over_time, sparkline
from zdtrace.reporting.language import Language, language
from zdtrace.reporting.layout import Column

_SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}


def as_markdown(diagnosis: Diagnosis, words: Language | None = None) -> str:
    """Return the verdict, the causes, what to do and the doubts. Far below what a comment on GitHub may hold."""
    words = words or language("en")
    word = str(diagnosis.verdict)
    shown = word.upper() if words.code == "en" else words(f"verdicts.{word}")
    parts = [f"### {_SIGNS[word]} {shown}: {markdown.text(words.sentence(diagnosis))}\n"]
    slices = failures_over_time(diagnosis)
    if any(slices):
        parts.append(words("summary.over_time", picture=markdown.code("|" + sparkline(slices, 48) + "|")) + "\n")
    if diagnosis.causes:
        parts += [_causes(diagnosis, words), "".join(_remedies(diagnosis, words))]
    if diagnosis.checks:
        doubts = "".join(
            f"- {words(f'severities.{check.severity}') if words.code != 'en' else check.severity}: "
            f"{markdown.text(words.check(check))}\n" for check in diagnosis.checks
        )
        parts.append(f"{words('summary.doubts')}\n\n{doubts}")
    about = words("summary.recording", recording=markdown.code(diagnosis.recording), tiers=_tiers(diagnosis, words))
    return "\n".join([*parts, f"{about}\n"])


def _causes(diagnosis: Diagnosis, words: Language) -> str:
    columns = [
        Column(words("summary.cause")), Column(words("summary.failed"), is_number=True),
        Column(words("summary.healed"), is_number=True), Column(words("summary.tiers")),
        Column(words("summary.example")),
    ]
    rows = [
        [
            f"{words.cause(cause.name)} ({cause.name})", counted(cause.failed), counted(cause.near_misses),
            ", ".join(f"{words('chart.of_tier', tier=tier)} {counted(count)}" for tier, count in cause.tiers.items()),
            cause.exemplars[0] if cause.exemplars else "",
        ]
        for cause in diagnosis.causes
    ]
    return markdown.table(columns, rows)


def _remedies(diagnosis: Diagnosis, words: Language) -> Iterator[str]:
    yield f"{words('summary.to_do')}\n\n"
    for cause in diagnosis.causes:
        yield f"- **{cause.name}**: {markdown.text(_remedy(cause, words))}\n"


def _remedy(cause: Cause, words: Language) -> str:
    remedy, helps = words.remedy(cause.name, cause.remedy), words.prestop(cause.name, cause.prestop_helps)
    if helps:
        return words("summary.prestop", remedy=remedy, helps=helps)
    return remedy + words("summary.end")


def _tiers(diagnosis: Diagnosis, words: Language) -> str:
    used = sorted({tier for cause in diagnosis.causes for tier in cause.tiers})
    meanings = (words("summary.tier", tier=tier, meaning=words.tier(tier)) for tier in used)
    return "; ".join(meanings) or words("summary.nothing")
