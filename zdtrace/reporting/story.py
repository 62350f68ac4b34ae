"""The story of one failed request, for people at a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from zdtrace.analysis.story import CauseStory, Story
from zdtrace.analysis.words import TIERS
from zdtrace.reporting.layout import Column, Style, grid, wrapped

_PLAIN = [Column(""), Column("")]


def text(story: Story, *, width: int, style: Style) -> str:
    """Return the request, its tries, what happened around it, and why the verdict."""
    parts = [
        style.bold("REQUEST") + "\n" + grid(_PLAIN, _request(story), width=width, style=style),
        _tries(story, width, style),
        _moments(story, width, style),
        _verdict(story, width, style),
    ]
    if story.runner_up is not None:
        parts.append(_cause("OR", story.runner_up, width, style, why_not=story.why_not_runner_up))
    if story.evidence_wanted:
        parts.append(_deciding(story, width, style))
    return "\n".join(part for part in parts if part)


def _paragraph(heading: str, words: str, width: int, style: Style) -> str:
    return style.bold(heading) + "\n" + "".join(line + "\n" for line in wrapped(words, width))


def _deciding(story: Story, width: int, style: Style) -> str:
    """Return which evidence would tell the two causes apart, and which is missing at all."""
    general = _paragraph("WHAT WOULD DECIDE", story.evidence_wanted or "", width, style)
    both = [each for each in (story.cause, story.runner_up) if each is not None and story.runner_up is not None]
    rows = [[each.name, f"is told by {each.told_by}"] for each in both]
    return general + grid(_PLAIN, rows, width=width, style=style)


def _request(story: Story) -> list[list[str]]:
    request = story.request
    took = (request["ended_at_ns"] - request["started_at_ns"]) / 1e6
    status = "no status" if request["status"] is None else f"status {request['status']}"
    rows = [
        ["line", request["request_id"]],
        ["sent", f"{instant(request['started_at_ns'])}, took {took:.3f} ms"],
        ["ended", status + (", body cut short" if request["is_truncated"] else "")],
    ]
    optional = {"error": "error", "request": "url", "answered by": "pod_name", "request id": "correlation_id"}
    return rows + [[word, str(request[name])] for word, name in optional.items() if request[name]]


def instant(ns: int) -> str:
    """Return an instant in UTC to the microsecond."""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ns % 1_000_000_000 // 1000:06}Z"


def _tries(story: Story, width: int, style: Style) -> str:
    rows = []
    for each in story.tries:
        if each["proxy_line"] is None:
            continue
        where = each["upstream_address"] or "address unknown"
        pod = f" ({each['pod_name']})" if each["pod_name"] else ""
        ejected = " of a peer that the proxy had ejected" if each["is_ejection"] else ""
        rows += [
            [f"try {each['attempt']} of {each['attempt_count']}", f"{where}{pod}"],
            ["", f"{each['symptom'] or 'failed'}{ejected}, status {each['status'] or 'none'}"],
            ["", f"access log {each['proxy_line']}, found by {each['matched_by']}"],
        ]
        if each["error_line"]:
            rows.append(["", f"error log {each['error_line']}: {each['error_message']}"])
    return style.bold("TRIES") + "\n" + grid(_PLAIN, rows, width=width, style=style) if rows else ""


def _moments(story: Story, width: int, style: Style) -> str:
    columns = [
        Column("WHEN", is_number=True), Column("± MS", is_number=True), Column("CLOCK"),
        Column("WHAT HAPPENED"),
    ]
    rows = [
        [
            _offset(each.offset_ms), f"{each.doubt_ms:.0f}", each.clock,
            f"{'> ' if each.is_own else ''}{each.subject}: {each.what}"
            + (f" [{each.reference}]" if each.reference else ""),
        ]
        for each in story.moments
    ]
    return grid(columns, rows, width=width, style=style)


def _offset(ms: float) -> str:
    return f"T{ms / 1000:+.3f} s"


def _verdict(story: Story, width: int, style: Style) -> str:
    if story.cause is None:
        return _paragraph(
            "WHY", "Not explained: no cause fits what was recorded. That is an answer too.", width, style
        )
    return _cause("WHY", story.cause, width, style, tier=story.verdict["tier"], share=story.verdict["weight"])


def _cause(
    heading: str, cause: CauseStory, width: int, style: Style, *,
    tier: str | None = None, share: float | None = None, why_not: str | None = None,
) -> str:
    rows = [["cause", f"{cause.name}: {cause.title}"], ["what it is", cause.summary]]
    if tier is not None:
        likely = f", {share:.0%} of the likelihood" if share is not None and share < 1 else ""
        rows.append(["how sure", f"tier {tier}: {TIERS[tier]}{likely}"])
    rows += [[name, f"{_value(value)}  {doc}"] for name, value, doc in cause.columns if value is not None]
    if why_not is not None:
        rows.append(["why not", why_not])
    if cause.not_when:
        rows.append(["not when", cause.not_when])
    if tier is not None:
        rows.append(["what to do", cause.remedy])
    return style.bold(heading) + "\n" + grid(_PLAIN, rows, width=width, style=style)


def _value(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
