"""A diagnosis for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zdtrace.analysis.diagnosis import Cause, Diagnosis, Evidence
from zdtrace.analysis.words import SOURCE_USES, TIERS, counted
from zdtrace.reporting.lanes import lanes
from zdtrace.reporting.layout import Column, Style, grid, wrapped


def table(diagnosis: Diagnosis, *, width: int, is_wide: bool, style: Style) -> str:
    """Return the verdict, the causes with what to do, the evidence and the doubts.

    `is_wide` ignores the width and shows every count, three requests of each cause and every source.
    """
    room = None if is_wide else width
    parts = [_verdict(diagnosis, width, style)]
    if diagnosis.causes:
        causes = _wide_causes(diagnosis) if is_wide else _causes(diagnosis)
        parts += [grid(*causes, width=room, style=style), _tiers(diagnosis, room, style)]
        parts.append(style.bold("WHAT TO DO") + "\n" + grid(*_remedies(diagnosis), width=room, style=style))
    parts.append(lanes(diagnosis, width=width, style=style))
    heading = f"{style.bold('EVIDENCE')}: {_kinds(diagnosis)}\n"
    parts.append(heading + grid(*_evidence(diagnosis, is_wide), width=room, style=style))
    if diagnosis.checks:
        parts.append(_checks(diagnosis, room, style))
    return "\n".join(part for part in parts if part)


def names(diagnosis: Diagnosis) -> str:
    """Return a line a cause, as `kubectl -o name` does."""
    return "".join(f"cause/{cause.name}\n" for cause in diagnosis.causes)


def _verdict(diagnosis: Diagnosis, width: int, style: Style) -> str:
    word = str(diagnosis.verdict)
    first, *more = wrapped(f"{word.upper()}: {diagnosis.sentence}", width)
    head = style.signal(word, word.upper()) + first.removeprefix(word.upper())
    return "".join(line + "\n" for line in (head, *more))


def _causes(diagnosis: Diagnosis) -> tuple[list[Column], list[list[str]]]:
    has_healed = any(cause.near_misses for cause in diagnosis.causes)
    healed = [Column("HEALED", is_number=True)] if has_healed else []
    columns = [Column("CAUSE"), Column("FAILED", is_number=True), *healed, Column("TIER"), Column("TITLE")]
    rows = [
        [
            cause.name,
            counted(cause.failed),
            *([counted(cause.near_misses)] if has_healed else []),
            " ".join(cause.tiers) or "-",
            cause.title + _because(cause.triggers),
        ]
        for cause in diagnosis.causes
    ]
    return columns, rows


def _because(triggers: Mapping[str, int]) -> str:
    known = [trigger.replace("_", " ") for trigger in triggers if trigger != "none"]
    return f" ({', '.join(known)})" if known else ""


def _wide_causes(diagnosis: Diagnosis) -> tuple[list[Column], list[list[str]]]:
    columns = [
        Column("CAUSE"), Column("FAILED", is_number=True), Column("HEALED", is_number=True), Column("TIERS"),
        Column("TRIGGERS"), Column("EXAMPLES"), Column("TITLE"),
    ]
    rows = [
        [
            cause.name, counted(cause.failed), counted(cause.near_misses), _counts(cause.tiers),
            _counts(cause.triggers), " ".join(cause.exemplars) or "-", cause.title,
        ]
        for cause in diagnosis.causes
    ]
    return columns, rows


def _counts(counts: Mapping[str, int]) -> str:
    return ",".join(f"{name}={count}" for name, count in counts.items()) or "-"


def _tiers(diagnosis: Diagnosis, room: int | None, style: Style) -> str:
    used = sorted({tier for cause in diagnosis.causes for tier in cause.tiers})
    rows = [[f"tier {tier}", TIERS[tier]] for tier in used]
    return grid([Column(""), Column("")], rows, width=room, style=style) if rows else ""


def _remedies(diagnosis: Diagnosis) -> tuple[list[Column], list[list[str]]]:
    return [Column(""), Column("")], [[cause.name, _remedy(cause)] for cause in diagnosis.causes]


def _remedy(cause: Cause) -> str:
    helps = f". Does a preStop hook help? {cause.prestop_helps}" if cause.prestop_helps else ""
    return cause.remedy + helps


def _kinds(diagnosis: Diagnosis) -> str:
    used = {use for each in diagnosis.evidence for use in each.used_for.split("; ")}
    kinds = {"requests": "client's log", "proxy_requests": "proxy's access log", "objects": "cluster"}
    return " + ".join(kind for table, kind in kinds.items() if SOURCE_USES[table] in used) or "none"


def _evidence(diagnosis: Diagnosis, is_wide: bool) -> tuple[list[Column], list[list[str]]]:
    if is_wide:
        columns = [
            Column("SOURCE"), Column("FORMAT"), Column("ROWS", is_number=True), Column("CLOCK"),
            Column("USED FOR"),
        ]
        return columns, [
            [each.source, each.format, counted(each.rows), each.clock, each.used_for]
            for each in diagnosis.evidence
        ]
    sources: dict[str, list[str]] = {}
    for each in sorted(diagnosis.evidence, key=_usefulness):
        sources.setdefault(each.used_for, []).append(each.source)
    rows = [[used_for, _some(names)] for used_for, names in sources.items()]
    return [Column(""), Column("")], rows or [["nothing", "the recording has no source"]]


def _usefulness(evidence: Evidence) -> int:
    return next((place for place, use in enumerate(SOURCE_USES.values()) if use in evidence.used_for), 99)


def _some(names: Iterable[str]) -> str:
    first, *more = names
    return f"{first} and {len(more)} more" if len(more) > 1 else " and ".join([first, *more])


def _checks(diagnosis: Diagnosis, room: int | None, style: Style) -> str:
    rows = [[check.severity, check.message] for check in diagnosis.checks]
    text = "\n" + grid([Column(""), Column("")], rows, width=room, style=style)
    for severity in {check.severity for check in diagnosis.checks}:
        text = text.replace(f"\n{severity} ", "\n" + style.signal(severity, severity) + " ")
    return style.bold("DOUBTS") + text
