"""A proof for people at a terminal: the answer, the claim, what was changed, and each rollout on a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from zdtrace.analysis.words import counted
from zdtrace.proving.claims import Plan, words_s
from zdtrace.proving.proof import Outcome, Proof, Trial
from zdtrace.proving.treatment import Treatment
from zdtrace.reporting.layout import Column, Style, grid, wrapped
from zdtrace.reporting.patch import patch_text

SIGNALS = {
    Outcome.PROVEN: "pass", Outcome.NOT_PROVEN: "fail", Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.INTERRUPTED: "inconclusive",
}
COLUMNS = (
    Column("RECORDING"), Column("CHANGE"), Column("FAILED", is_number=True), Column("SENT", is_number=True),
    Column("ROLLOUT", is_number=True), Column("LOST TO"),
)
_TWO = (Column(""), Column(""))


def table(proof: Proof, *, width: int, style: Style) -> str:
    """Return the answer and everything it stands on."""
    word = str(proof.outcome).replace("_", " ").upper()
    text = proof.sentence.removeprefix("Proven: ").removeprefix("Not proven: ").removeprefix("Inconclusive: ")
    first, *more = wrapped(f"{word}: {text[:1].upper()}{text[1:]}", width)
    head = style.signal(SIGNALS[proof.outcome], word) + first.removeprefix(word)
    parts = [
        "".join(line + "\n" for line in (head, *more)),
        "".join(line + "\n" for line in wrapped(proof.claim, width)),
        grid(COLUMNS, list(trial_rows(proof)), width=width, style=style),
        _section("WHY NOT", proof.reasons[1:], width, style),
        _section("NOT CHANGED", refusals(proof), width, style),
        _section("WHAT THE ROLLOUTS SUPPORT", proof.comparison.supports if proof.comparison else (), width, style),
    ]
    change = last_change(proof)
    if change is not None:
        parts.append(style.bold("PATCH") + "\n" + patch_text(dict(change.patch)))
        parts.append(_section("MIND", change.warnings, width, style))
    parts.append(_section("LEFT", left(proof), width, style))
    return "\n".join(part for part in parts if part)


def _section(title: str, lines: Iterable[str], width: int, style: Style) -> str:
    rows = [["-", line] for line in lines]
    return style.bold(title) + "\n" + grid(_TWO, rows, width=width, style=style) if rows else ""


def trial_rows(proof: Proof) -> Iterator[Sequence[str]]:
    """Yield a row for each rollout, in the order of time, as COLUMNS has it."""
    for each in proof.baseline:
        yield _trial_row(each, "as it is")
    for row in proof.rows:
        for each in row.trials:
            if each not in proof.baseline:
                yield _trial_row(each, row.short)


def _trial_row(trial: Trial, change: str) -> list[str]:
    lost = ", ".join(f"{count} {name}" for name, count in sorted(trial.causes.items(), key=lambda each: -each[1]))
    if trial.doubt:
        lost = f"{lost}; {trial.doubt}" if lost else f"does not count: {trial.doubt}"
    return [
        trial.recording.removesuffix(".zdtrace"), change, counted(trial.failed), counted(trial.requests),
        f"{trial.rollout_s:.0f} s", lost,
    ]


def refusals(proof: Proof) -> list[str]:
    """Return what was not changed of the workload in the end, and why."""
    row = proof.last
    if row is None:
        return []
    return [
        f"{each.remedy} (would avoid {each.avoids_certain} to {each.avoids_possible}): {each.why}"
        if each.avoids_certain != each.avoids_possible else
        f"{each.remedy} (would avoid {each.avoids_certain}): {each.why}"
        for each in row.treatment.refused
    ]


def last_change(proof: Proof) -> Treatment | None:
    """Return what was changed last, null when nothing was."""
    return next((row.treatment for row in reversed(proof.rows) if not row.treatment.is_empty), None)


def left(proof: Proof) -> list[str]:
    """Return how the workload was left, and where everything is."""
    files = proof.places or {}
    return [
        proof.restored,
        *(f"{name}: {path}" for name, path in files.items()),
    ]


def plan_lines(plan: Plan, words: str, command: str) -> list[str]:
    """Return what is about to be done, before anything is."""
    aim = plan.aim
    took = plan.seconds
    each = "as long as the load test runs" if plan.each_s is None else words_s(plan.each_s)
    later = aim.wanted(2) if aim.revisions else 0
    lines = [
        f"{words} is rolled out {plan.rollouts} times under load: {plan.baseline} times as it is, then "
        f"{plan.verification} times with what is recommended",
        f"each takes {each}" + ("" if took is None else f", all of it {words_s(took)} at about"),
        f"{plan.verification} in a row without loss prove, with {aim.confidence:.0%} confidence, that at least "
        f"{aim.claim:.1%} of such rollouts lose no request; the first loss ends the row",
    ]
    if later:
        times = "once" if aim.revisions == 1 else f"{aim.revisions} times at most"
        lines.append(f"then the change is revised, {times}, and {later} in a row are wanted")
    lines.append(f"load: {command}")
    return lines
