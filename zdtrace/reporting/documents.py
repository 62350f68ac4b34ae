"""Pages without a script of their own: the history of many recordings, and two runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from zdtrace.analysis.comparison import Comparison
from zdtrace.analysis.findings import Findings
from zdtrace.analysis.words import counted
from zdtrace.reporting import comparison as report
from zdtrace.reporting import pictures
from zdtrace.reporting.html import environment_of, policy_of, shipped
from zdtrace.reporting.language import Language
from zdtrace.reporting.layout import Column
from zdtrace.reporting.page import share_of
from zdtrace.version import __version__

_VERDICTS = {"better": "pass", "worse": "fail", "same": "pass", "inconclusive": "inconclusive"}


def history_page(runs: Sequence[tuple[Findings, str]], folder: str, words: Language) -> str:
    """Return the index of several recordings, each with the name of its page, in the order of time."""
    from markupsafe import Markup

    ordered = sorted(runs, key=lambda run: run[0].window["run_from_ns"] if run[0].window else 0)
    rows = [_run(findings, words) for findings, _ in ordered]
    specification = _picture([findings for findings, _ in ordered], words)
    parts = words("list").join(f"{row[0]} {row[5]}" for row in rows)
    return _written(
        words, title=words("history.title", folder=folder), verdict="inconclusive", word="",
        heading=words("history.title", folder=folder), notes=[words("history.about")],
        picture=Markup(pictures.svg(specification)) if specification else "",  # noqa: S704 - vl-convert escapes its texts
        alternative=words("history.alternative", runs=len(rows), parts=parts),
        tables=[{
            "title": words("history.heading"), "links": [quote(name) for _, name in ordered], "rows": rows,
            "columns": [
                Column(words("history.run")), Column(words("history.started")), Column(words("history.verdict")),
                Column(words("history.failed"), is_number=True), Column(words("history.sent"), is_number=True),
                Column(words("history.ratio"), is_number=True), Column(words("history.bounds")),
                Column(words("history.causes")),
            ],
        }],
        lines=[],
    )


def comparison_page(comparison: Comparison, words: Language) -> str:
    """Return two sides side by side."""
    change = str(comparison.change)
    names = [" + ".join(side.recordings) for side in (comparison.before, comparison.after)]
    tables = [report.worded(each, words) for each in report.tables(comparison)]
    titles = [words("before_after.heading"), words("before_after.cause"), words("before_after.latency")]
    return _written(
        words, title=words("diff.title", before=names[0], after=names[1]), verdict=_VERDICTS[change],
        word=words(f"diff.{change}"), heading=words.said(comparison.sentence),
        notes=[words("diff.sides", before=names[0], after=names[1])], picture="", alternative="",
        tables=[
            {"title": title, "columns": columns, "rows": rows, "links": None}
            for title, (columns, rows) in zip(_fitting(titles, comparison), tables, strict=True)
        ],
        lines=list(map(words.said, comparison.supports)),
    )


def _fitting(titles: list[str], comparison: Comparison) -> list[str]:
    """Return the titles of the tables that there are: without a failure there is none of causes."""
    return [
        title for title, is_there in zip(titles, (
            True, bool(comparison.causes), bool(comparison.before.latencies and comparison.after.latencies),
        ), strict=True) if is_there
    ]


def _written(words: Language, **context: Any) -> str:
    from markupsafe import Markup

    text: str = environment_of(words).get_template("document.html.jinja").render(
        **context, policy=policy_of(), css=Markup(shipped("css/report.css")), version=__version__,  # noqa: S704 - our own
    )
    return text


def _run(findings: Findings, words: Language) -> list[str]:
    diagnosis, ratio = findings.diagnosis, findings.ratio
    return [
        diagnosis.recording, _started(findings), words(f"verdicts.{diagnosis.verdict}"),
        counted(diagnosis.requests.failed), counted(diagnosis.requests.total), share_of(ratio.value),
        f"{share_of(ratio.lo)} … {share_of(ratio.hi)}",
        words("list").join(
            f"{words.cause(each.name)} ({counted(each.failed)})" for each in diagnosis.causes if each.failed
        ),
    ]


def _started(findings: Findings) -> str:
    if not findings.window:
        return ""
    return f"{datetime.fromtimestamp(findings.window['run_from_ns'] // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}"


def _picture(runs: Sequence[Findings], words: Language) -> Mapping[str, Any] | None:
    from zdtrace.charts import HISTORY

    rows = [
        {
            "label": f"{place}. {findings.diagnosis.recording}"[:60], "started": _started(findings),
            "failed_count": findings.diagnosis.requests.failed, "ratio": findings.ratio.value,
            "lo_ratio": findings.ratio.lo, "hi_ratio": findings.ratio.hi,
        }
        for place, findings in enumerate(runs, 1)
    ]
    return HISTORY.specification({"history": rows}, words)
