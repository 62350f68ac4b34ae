"""The page docs/accuracy.md and the numbers that may not get worse, out of judged recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import scoring
from families import family_of
from judging import EVIDENCE, Judged, Judgement, by_status
from scoring import Pair, Scored

LAG = "endpoint_lag_refused"


@dataclass(frozen=True)
class Measured:
    """The numbers of one way to look at the corpus."""

    rows: Sequence[Pair]
    baselines: dict[str, Sequence[Pair]]
    trigger: tuple[float | None, int]
    recordings: int
    unlabelled: int
    blamed_in_clean: int
    clean: int

    @property
    def mechanisms(self) -> list[Scored]:
        return scoring.scores(scoring.confusion(self.rows), scoring.recordings_of(self.rows))

    @property
    def families(self) -> list[Scored]:
        rows = scoring.by_family(self.rows)
        return scoring.scores(scoring.confusion(rows), scoring.recordings_of(rows))

    @property
    def right(self) -> dict[str, float]:
        """Share right of each recording that has failures."""
        names = sorted({each.recording for each in self.rows})
        return {
            name: scoring.accuracy([each for each in self.rows if each.recording == name]) or 0.0 for name in names
        }

    def tier(self, tier: str) -> float | None:
        """Share right of the verdicts of one tier."""
        return scoring.accuracy([each for each in self.rows if each.tier == tier])


def measure(every: Sequence[Judged]) -> Measured:
    """Return the numbers over judged recordings."""
    rows: list[Judgement] = [each for one in every for each in one.judgements]
    clean = [one for one in every if one.is_clean]
    return Measured(
        rows=scoring.pairs(rows, [each.cause for each in rows]),
        baselines={
            "each failure is endpoint lag": scoring.pairs(rows, [LAG] * len(rows)),
            "look-up by status": scoring.pairs(rows, by_status(rows)),
            "nearest event in time": scoring.pairs(rows, [each.nearest for each in rows]),
        },
        trigger=scoring.trigger_accuracy(rows),
        recordings=len(every),
        unlabelled=sum(one.unlabelled for one in every if not one.is_clean),
        blamed_in_clean=sum(one.unlabelled for one in clean),
        clean=len(clean),
    )


def summary(measured: dict[str, Measured], names: Sequence[str]) -> dict[str, Any]:
    """Return the numbers that the ratchet holds, over the recordings `names`."""
    found: dict[str, Any] = {"recordings": sorted(names)}
    for words, each in measured.items():
        found[words] = {
            "macro_f1_mechanisms": _round(scoring.macro_f1(scoring.confusion(each.rows))),
            "macro_f1_families": _round(scoring.macro_f1(scoring.confusion(scoring.by_family(each.rows)))),
            "tier_a": _round(each.tier("A")),
            "tier_b": _round(each.tier("B")),
            "trigger": _round(each.trigger[0]),
            "blamed_in_clean": each.blamed_in_clean,
        }
        if words in EVIDENCE:
            found[words]["f1"] = {one.name: _round(one.f1) for one in each.mechanisms if one.labelled}
            found[words]["right"] = {name: _round(share) for name, share in each.right.items()}
    return found


def _round(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def page(measured: dict[str, Measured], names: Sequence[str]) -> str:
    """Return docs/accuracy.md."""
    return "\n".join(_page(measured, names)).rstrip() + "\n"


def _page(measured: dict[str, Measured], names: Sequence[str]) -> Iterator[str]:
    yield from (
        "# How right it is",
        "",
        f"`just accuracy --write` judges the {len(names)} labelled recordings of `tests/accuracy/corpus` and",
        "`tests/scenarios` and writes this page. Each comes from a real cluster where a known fault was injected. What",
        "really broke a request is told by what the analysis never reads: a packet capture, the application's own log,",
        "and what was done. Numbers are over requests, but a label's requests of one recording count for at most 200;",
        "the intervals (95 %) come from drawing whole recordings anew: requests of one recording are not independent.",
        "[tests/accuracy](../tests/accuracy/README.md) says more.",
        "",
        "CI fails when one of these numbers gets worse.",
        "",
    )
    base = {words: each for words, each in measured.items() if words in EVIDENCE}
    yield from _overview(base)
    for words, each in base.items():
        yield from _classes(f"Mechanisms, {words}", each.mechanisms)
        yield from _classes(f"Families, {words}", each.families)
        yield from _confused(words, each)
        yield from _certainty(words, each)
    yield from _recordings(base)
    others = {words: each for words, each in measured.items() if words not in EVIDENCE}
    if others:
        yield from _variants(others)


def _percent(number: float | None, digits: int = 1) -> str:
    return "-" if number is None else f"{100 * number:.{digits}f} %"


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"


def _macro(rows: Sequence[Pair]) -> str:
    low, high = scoring.interval(rows)
    return f"{scoring.macro_f1(scoring.confusion(rows)):.3f} ({low:.3f} to {high:.3f})"


def _overview(base: dict[str, Measured]) -> Iterator[str]:
    yield from ("## In short", "", f"| | {' | '.join(base)} |", f"|---|{'---|' * len(base)}")

    def line(title: str, cells: Iterable[str]) -> str:
        return f"| {title} | {' | '.join(cells)} |"

    every = list(base.values())
    yield line("macro-F1 over mechanisms", (_macro(each.rows) for each in every))
    yield line("macro-F1 over families", (_macro(scoring.by_family(each.rows)) for each in every))
    for tier in "ABCD":
        yield line(f"right at tier {tier}", (
            f"{_percent(each.tier(tier), 2)} of {sum(row.tier == tier for row in each.rows)}" for each in every
        ))
    yield line("unattributed", (str(sum(row.tier == "U" for row in each.rows)) for each in every))
    yield line("right trigger", (f"{_percent(each.trigger[0])} ({each.trigger[1]} recordings)" for each in every))
    yield line("failed requests blamed in clean recordings", (
        f"{each.blamed_in_clean} ({each.clean} recordings)" for each in every
    ))
    yield line("calibration: expected error, Brier", (
        f"{scoring.expected_calibration_error(each.rows):.3f}, {scoring.brier(each.rows):.3f}" for each in every
    ))
    for name in next(iter(every)).baselines:
        yield line(f"instead: {name}", (
            f"mechanisms {scoring.macro_f1(scoring.confusion(each.baselines[name])):.3f}, "
            f"families {scoring.macro_f1(scoring.confusion(scoring.by_family(each.baselines[name]))):.3f}"
            for each in every
        ))
    yield line("labelled failed requests, recordings", (f"{len(each.rows)}, {each.recordings}" for each in every))
    yield line("failed requests nobody could label", (str(each.unlabelled) for each in every))
    yield ""


def _classes(title: str, classes: Sequence[Scored]) -> Iterator[str]:
    yield from (
        f"## {title}", "", "| | recordings | precision | recall | F1 |", "|---|---|---|---|---|",
        *(
            f"| {each.name} | {each.recordings} | {_number(each.precision)} | {_number(each.recall)} "
            f"| {_number(each.f1 if each.labelled else None)} |"
            for each in classes
        ),
        "",
    )


def _confused(words: str, each: Measured) -> Iterator[str]:
    table = scoring.confusion(each.rows)
    wrong = sorted(((mass, *key) for key, mass in table.items() if key[0] != key[1]), reverse=True)
    yield from (f"## Mistaken, {words}", "")
    if not wrong:
        yield from ("None.", "")
        return
    yield from (
        "Every cell of the confusion matrix that is off its diagonal; masses after capping.", "",
        "| was | called | requests | same family |", "|---|---|---|---|",
        *(
            f"| {label} | {said} | {mass:.0f} | {'yes' if family_of(label) == family_of(said) else 'no'} |"
            for mass, label, said in wrong
        ),
        "",
    )


def _certainty(words: str, each: Measured) -> Iterator[str]:
    yield from (
        f"## Coverage, risk and calibration, {words}", "", "| tiers | covered | wrong |", "|---|---|---|",
        *(
            f"| A to {tier} | {_percent(covered)} | {_percent(risk, 2)} |"
            for tier, covered, risk in scoring.coverage(each.rows)
        ),
        "", "| confidence | right | requests |", "|---|---|---|",
        *(f"| {said:.2f} | {right:.2f} | {mass:.0f} |" for said, right, mass in scoring.reliability(each.rows)),
        "",
    )


def _recordings(base: dict[str, Measured]) -> Iterator[str]:
    by_way = [each.right for each in base.values()]
    names = sorted({name for each in by_way for name in each})
    labels = {
        name: sorted({row.label for each in base.values() for row in each.rows if row.recording == name})
        for name in names
    }
    yield from (
        "## Recording by recording", "", "Share of right verdicts; recordings without failures are left out.", "",
        f"| | what broke requests | {' | '.join(base)} |", f"|---|---|{'---|' * len(base)}",
        *(
            f"| {name} | {', '.join(labels[name])} | " + " | ".join(_percent(each.get(name)) for each in by_way) + " |"
            for name in names
        ),
        "",
    )


def _variants(others: dict[str, Measured]) -> Iterator[str]:
    yield from (
        "## With proxy log, and something wrong", "",
        f"Of each third recording, {max(each.recordings for each in others.values())} in all.", "",
        "| | mechanisms | families | tier A right | tier B right | trigger | blamed in clean |",
        "|---|---|---|---|---|---|---|",
    )
    for words, each in others.items():
        rows = each.rows
        yield (
            f"| {words} | {scoring.macro_f1(scoring.confusion(rows)):.3f} "
            f"| {scoring.macro_f1(scoring.confusion(scoring.by_family(rows))):.3f} | {_percent(each.tier('A'))} "
            f"| {_percent(each.tier('B'))} | {_percent(each.trigger[0])} | {each.blamed_in_clean} |"
        )
    yield ""
