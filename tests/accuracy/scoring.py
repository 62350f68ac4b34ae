"""Precision, recall, F1, coverage against risk and calibration over judged requests; intervals by recording.

Of one recording and one label at most 200 requests count in full; of more, all count for 200 together: a fault that hit
thousands of requests in the same way is one observation made thousands of times.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from families import family_of
from judging import Judgement

CAP = 200
BOOTSTRAPS = 400
Say = Callable[[Judgement], str]


@dataclass(frozen=True)
class Scored:
    """A class (mechanism or family) with its counts; a label that never occurs has no recall."""

    name: str
    right: float
    labelled: float
    said: float
    recordings: int

    @property
    def precision(self) -> float | None:
        return self.right / self.said if self.said else None

    @property
    def recall(self) -> float | None:
        return self.right / self.labelled if self.labelled else None

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.labelled + self.said) if self.labelled + self.said else 0.0


@dataclass(frozen=True)
class Pair:
    """What one request was, and what was said of it."""

    recording: str
    label: str
    said: str
    mass: float
    tier: str
    weight: float


def pairs(judgements: Iterable[Judgement], said: Iterable[str], group: Callable[[str], str] = str) -> list[Pair]:
    """Return the requests with their label and what was said, each with the mass that it counts for."""
    rows = list(zip(judgements, said, strict=True))
    sizes = Counter((each.recording, each.label.mechanism) for each, _ in rows)
    return [
        Pair(
            each.recording, group(each.label.mechanism), group(words),
            min(1.0, CAP / sizes[each.recording, each.label.mechanism]), each.tier, each.weight,
        )
        for each, words in rows
    ]


def confusion(rows: Iterable[Pair]) -> dict[tuple[str, str], float]:
    """Return the mass of each (label, said)."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for each in rows:
        found[each.label, each.said] += each.mass
    return dict(found)


def scores(table: dict[tuple[str, str], float], recordings: dict[str, int]) -> list[Scored]:
    """Return the score of each class that is true somewhere or was said."""
    labelled: dict[str, float] = defaultdict(float)
    said: dict[str, float] = defaultdict(float)
    for (label, words), mass in table.items():
        labelled[label] += mass
        said[words] += mass
    return [
        Scored(name, table.get((name, name), 0.0), labelled[name], said[name], recordings.get(name, 0))
        for name in sorted({*labelled, *said} - {"unattributed"})
    ]


def macro_f1(table: dict[tuple[str, str], float]) -> float:
    """Return the mean F1 of the classes that are true somewhere."""
    every = [each.f1 for each in scores(table, {}) if each.labelled]
    return sum(every) / len(every) if every else 0.0


def accuracy(rows: Sequence[Pair]) -> float | None:
    """Return the share that is right; None of nothing."""
    mass = sum(each.mass for each in rows)
    return sum(each.mass for each in rows if each.label == each.said) / mass if mass else None


def recordings_of(rows: Iterable[Pair]) -> dict[str, int]:
    """Return in how many recordings each label occurs."""
    return Counter(label for label, _ in {(each.label, each.recording) for each in rows})


def interval(rows: Sequence[Pair], seed: int = 1) -> tuple[float, float]:
    """Return the 95 % interval of the macro-F1 when whole recordings are drawn anew."""
    by_recording: dict[str, dict[tuple[str, str], float]] = {}
    grouped: dict[str, list[Pair]] = defaultdict(list)
    for each in rows:
        grouped[each.recording].append(each)
    by_recording = {name: confusion(group) for name, group in sorted(grouped.items())}
    dice, names, found = random.Random(seed), list(by_recording), []  # noqa: S311
    for _ in range(BOOTSTRAPS):
        total: dict[tuple[str, str], float] = defaultdict(float)
        for name in dice.choices(names, k=len(names)):
            for key, mass in by_recording[name].items():
                total[key] += mass
        found.append(macro_f1(total))
    found.sort()
    return found[round(0.025 * (BOOTSTRAPS - 1))], found[round(0.975 * (BOOTSTRAPS - 1))]


def coverage(rows: Sequence[Pair]) -> list[tuple[str, float, float | None]]:
    """Return (tiers, covered, wrong) for the verdicts of tier A, then A and B, and so on."""
    mass = sum(each.mass for each in rows) or 1.0
    found = []
    for last in "ABCD":
        chosen = [each for each in rows if each.tier <= last]
        right = accuracy(chosen)
        found.append((last, sum(each.mass for each in chosen) / mass, None if right is None else 1 - right))
    return found


def reliability(rows: Sequence[Pair]) -> list[tuple[float, float, float]]:
    """Return (confidence, share right, mass) of tenths of confidence; unattributed verdicts claim nothing."""
    tenths: dict[int, list[Pair]] = defaultdict(list)
    for each in rows:
        if each.tier != "U":
            tenths[min(9, int(each.weight * 10))].append(each)
    found = []
    for _, group in sorted(tenths.items()):
        mass = sum(each.mass for each in group)
        found.append((sum(each.weight * each.mass for each in group) / mass, accuracy(group) or 0.0, mass))
    return found


def expected_calibration_error(rows: Sequence[Pair]) -> float:
    """Return how far confidence and share of right verdicts are apart, on average."""
    table = reliability(rows)
    mass = sum(each[2] for each in table)
    return sum(abs(said - right) * share for said, right, share in table) / mass if mass else 0.0


def brier(rows: Sequence[Pair]) -> float:
    """Return the mean squared distance of confidence from the outcome."""
    claimed = [each for each in rows if each.tier != "U"]
    mass = sum(each.mass for each in claimed)
    return sum(each.mass * (each.weight - (each.label == each.said)) ** 2 for each in claimed) / mass if mass else 0.0


def trigger_accuracy(judgements: Iterable[Judgement]) -> tuple[float | None, int]:
    """Return the share of right triggers where one is known, and of how many recordings."""
    known = [each for each in judgements if each.label.trigger]
    sizes = Counter((each.recording, each.label.trigger) for each in known)
    mass = [min(1.0, CAP / sizes[each.recording, each.label.trigger]) for each in known]
    right = sum(size for size, each in zip(mass, known, strict=True) if each.trigger == each.label.trigger)
    return (right / sum(mass) if mass else None), len({each.recording for each in known})


def by_family(rows: Iterable[Pair]) -> list[Pair]:
    """Return the same requests with families in place of mechanisms."""
    return [
        Pair(each.recording, family_of(each.label), family_of(each.said), each.mass, each.tier, each.weight)
        for each in rows
    ]
