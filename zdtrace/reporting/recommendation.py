"""A recommendation for people at a terminal: the number first, then why, what is claimed, saved and paid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from zdtrace.analysis import words
from zdtrace.analysis.recommendation import Answer, Need, Recommendation
from zdtrace.analysis.words import counted
from zdtrace.reporting.layout import Column, Style, grid, wrapped
from zdtrace.reporting.patch import patch_text

_SIGNALS = {"recommended": "fail", "not_needed": "pass", "wrong_medicine": "fail", "inconclusive": "inconclusive"}
_TWO, _WIDEST = [Column(""), Column("")], 30
_CURVE_ROWS = 12


def table(found: Recommendation, *, width: int, style: Style) -> str:
    """Return the answer and everything it stands on."""
    parts = [_answer(found, width, style), _numbers(found, width, style)]
    if found.verdict is Answer.INCONCLUSIVE:
        parts += [_section("WHY", found.reasons, width, style), _section("RECORD", found.wanted, width, style)]
    if found.remedies:
        parts.append(_remedies(found, width, style))
    if found.needs and found.verdict is not Answer.WRONG_MEDICINE:
        parts.append(_why(found.needs, width, style))
    if found.prestop_s is not None:
        parts.append(_section("CLAIM", claim_lines(found), width, style))
    if found.failed or any(dose.failed_possible for dose in found.counterfactual):
        parts.append(_curve(found, width, style))
    if found.price is not None:
        parts.append(_section("PRICE", price_lines(found), width, style))
    if found.change is not None and not found.change.is_empty:
        text = patch_text(found.change.strategic_merge())
        parts.append(style.bold("PATCH") + "\n" + text)
        if found.change.warnings:
            parts.append(_section("MIND", found.change.warnings, width, style))
    if found.notes:
        parts.append(_section("NOTES", found.notes, width, style))
    return "\n".join(part for part in parts if part)


def _answer(found: Recommendation, width: int, style: Style) -> str:
    word = str(found.verdict).replace("_", " ").upper()
    first, *more = wrapped(f"{word}: {found.sentence}", width)
    head = style.signal(_SIGNALS[str(found.verdict)], word) + first.removeprefix(word)
    return "".join(line + "\n" for line in (head, *more))


def _numbers(found: Recommendation, width: int, style: Style) -> str:
    at_least = " or more" if found.is_at_least else ""
    rows = [["workload", found.workload]]
    if found.prestop_s is not None:
        rows.append(["preStop", f"{found.prestop_s} s{at_least}, now {_seconds(found.current_prestop_s)}"])
    if found.grace_period_s is not None:
        now = found.current_grace_period_s
        enough = ", long enough" if now is not None and now >= found.grace_period_s else ""
        rows.append(["grace period", f"{found.grace_period_s} s at least, now {_seconds(now)}{enough}"])
    rows.append(["failed", f"{counted(found.failed)} of {counted(found.requests)} requests" + (
        f", {counted(found.near_misses)} more healed by a retry" if found.near_misses else ""
    )])
    return grid(_TWO, rows, width=width, style=style)


def _seconds(value: float | None) -> str:
    return "of unknown length" if value is None else f"{value:g} s"


def _section(title: str, lines: Iterable[str], width: int, style: Style) -> str:
    rows = [["-", line] for line in lines]
    return style.bold(title) + "\n" + grid(_TWO, rows, width=width, style=style) if rows else ""


def _remedies(found: Recommendation, width: int, style: Style) -> str:
    columns = [Column("AVOIDS", is_number=True), Column("REMEDY"), Column("HOW")]
    rows = [
        [_range(each.avoids_certain, each.avoids_possible), each.remedy, each.why] for each in found.remedies
    ]
    return grid(columns, rows, width=width, style=style)


def _range(certain: int, possible: int) -> str:
    return counted(certain) if certain == possible else f"{counted(certain)} to {counted(possible)}"


def _why(needs: Sequence[Need], width: int, style: Style) -> str:
    columns = [
        Column("PATH"), Column("ROLLOUTS", is_number=True), Column("SEEN", is_number=True),
        Column("BOUND", is_number=True), Column("FLOOR", is_number=True), Column("ANSWER", is_number=True),
        Column("MARGIN", is_number=True), Column("NEEDED", is_number=True),
    ]
    rows = [
        [
            need.bound.proxy if need.bound.path_kind == "proxy" else "Service", str(need.bound.claim.rollouts),
            f"{need.bound.seen_s:.2f} s", "not seen" if need.bound.bound_s is None else f"{need.bound.bound_s:.2f} s",
            f"{need.floor.seconds:.2f} s", f"{need.answer_s:.2f} s", f"{need.margin_s:.2f} s", f"{need.needed_s:.2f} s",
        ]
        for need in needs
    ]
    parts = "; ".join(
        f"{part.name} {part.seconds:.2f} s{'' if part.is_recorded else ' (default)'}" for part in needs[0].floor.parts
    )
    text = (
        "From the kubelet's start of the kill to the last request that was sent to the pod: SEEN surely, BOUND at most "
        f"in the worst rollout, FLOOR by design of the path: {parts}. NEEDED is BOUND "
        "with MARGIN, or FLOOR where that is longer, and ANSWER."
    )
    return style.bold("WHY") + "\n" + grid(columns, rows, width=width, style=style) + "".join(
        line + "\n" for line in wrapped(text, width)
    )


def claim_lines(found: Recommendation) -> Iterable[str]:
    """Yield what the evidence supports, and what more of it would."""
    claim = found.claim
    rollouts = f"{claim.rollouts} rollout{'s' if claim.rollouts != 1 else ''}"
    if found.is_at_least:
        yield f"no claim: the end of the routing was not seen in all of {rollouts}"
    else:
        yield (
            f"with {claim.confidence:.0%} confidence, at least {words.at_least(claim.coverage)} of rollouts like these "
            f"need no longer one ({rollouts} recorded)"
        )
    if found.more_runs:
        more = ", ".join(f"{count} more for {coverage:.0%}" for count, coverage in found.more_runs[:3])
        yield f"to claim it of more: {more}"
    drain = found.drain
    if found.grace_period_s is not None and drain.claim.coverage:
        yield (
            f"grace period: at least {words.at_least(drain.claim.coverage)} of rollouts finish what runs at SIGTERM "
            f"within {drain.seconds:.2f} s ({drain.claim.rollouts} in which something ran)"
        )
    elif found.grace_period_s is not None:
        yield (
            f"grace period: no claim, no request was seen to finish after SIGTERM; all but one of 1000 answers take "
            f"{drain.answer_s:.2f} s at most"
        )


def _curve(found: Recommendation, width: int, style: Style) -> str:
    """Return the step curve: what surely fails is `#`, what may fail `-`."""
    doses = found.counterfactual
    shown = doses if len(doses) <= _CURVE_ROWS else (*doses[: _CURVE_ROWS - 1], doses[-1])
    most = max(dose.failed_possible for dose in shown) or 1
    room = max(10, min(_WIDEST, width - 50))
    columns = [
        Column("PRESTOP", is_number=True), Column("STILL FAIL", is_number=True), Column(""), Column(""),
    ]
    rows = []
    for dose in shown:
        sure, possible = (ceil(count * room / most) for count in (dose.failed_certain, dose.failed_possible))
        marks = []
        if found.current_prestop_s is not None and dose.prestop_s == round(found.current_prestop_s):
            marks.append("now")
        if dose.prestop_s == found.prestop_s:
            marks.append("recommended" if found.verdict is not Answer.NOT_NEEDED else "enough")
        rows.append([
            f"{dose.prestop_s} s", _range(dose.failed_certain, dose.failed_possible),
            "#" * sure + "-" * (possible - sure), " ".join(marks),
        ])
    return style.bold("WHAT IT WOULD HAVE SAVED") + " (# surely fails, - may fail)\n" + grid(
        columns, rows, width=width, style=style
    )


def price_lines(found: Recommendation) -> Iterable[str]:
    """Yield what the recommended preStop costs."""
    price = found.price
    assert price is not None  # noqa: S101 - asked before
    if not price.extra_pod_s:
        yield "nothing: no longer preStop than now"
        return
    yield f"{price.extra_pod_s:g} pod-seconds more in each rollout, {price.peak_extra_pods} pods ending at once at most"
    if price.extra_rollout_s:
        yield f"{price.extra_rollout_s:g} s longer rollouts: this kind of workload waits for each pod's end"
    else:
        yield "no longer rollout: a Deployment does not wait for pods that end"
    yield f"{price.extra_drain_s:g} s longer drain of each node"
    if price.extra_grace_s:
        yield f"{price.extra_grace_s} s more grace period"
