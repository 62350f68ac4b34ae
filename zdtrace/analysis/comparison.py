"""Two runs side by side: what changed, and how much of the change the numbers support."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any

from zdtrace.analysis import statistics, words
from zdtrace.analysis.diagnosis import Diagnosis, Verdict
from zdtrace.analysis.statistics import Interval

SCHEMA_VERSION = 1
"""Of the JSON that `zdtrace diff -o json` writes."""
SURE = 1 - statistics.CONFIDENCE


class Change(StrEnum):
    """The answer: did the second side lose a smaller share of its requests than the first?"""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Latency:
    """A quantile of the latencies, ms. Bounds are of the order statistic, of several recordings their range."""

    quantile: float
    value_ms: float
    lo_ms: float | None
    hi_ms: float | None


@dataclass(frozen=True, slots=True)
class Side:
    """One side: a recording or several. `rollouts` are (failed, sent) of each block of overlapping rollouts."""

    recordings: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    requests: int
    failed: int
    near_misses: int
    causes: Mapping[str, int]
    rollouts: tuple[tuple[int, int], ...]
    latencies: tuple[Latency, ...]

    @property
    def ratio(self) -> Interval:
        """Share of requests that failed."""
        return statistics.share(self.failed, self.requests)

    @property
    def lossy_rollouts(self) -> int:
        """How many rollouts lost a request."""
        return sum(failed > 0 for failed, _ in self.rollouts)

    def as_json(self) -> dict[str, Any]:
        """Return the side as `zdtrace diff -o json` writes it."""
        return {
            "recordings": list(self.recordings),
            "verdicts": [str(verdict) for verdict in self.verdicts],
            "requests": {"total": self.requests, "failed": self.failed, "near_misses": self.near_misses},
            "failed_ratio": self.ratio.as_json(),
            "rollouts": [{"failed": failed, "total": sent} for failed, sent in self.rollouts],
            "latencies": [
                {"quantile": each.quantile, "value_ms": each.value_ms, "lo_ms": each.lo_ms, "hi_ms": each.hi_ms}
                for each in self.latencies
            ],
        }


@dataclass(frozen=True, slots=True)
class CauseChange:
    """What a cause cost on both sides; the p-value is adjusted for there being several causes."""

    name: str
    title: str
    before: int
    after: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The findings of two sides. `by_rollout` is null when there are too few rollouts to draw from."""

    before: Side
    after: Side
    change: Change
    sentence: str
    supports: tuple[str, ...]
    difference: Interval
    p_value: float
    by_rollout: Interval | None
    rollout_p_value: float | None
    causes: tuple[CauseChange, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the contract of `zdtrace diff -o json`, see reports/schema/comparison-1.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "change": str(self.change),
            "sentence": self.sentence,
            "supports": list(self.supports),
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "difference": {
                "failed_ratio": self.difference.as_json(),
                "p_value": self.p_value,
                "failed_ratio_by_rollout": self.by_rollout.as_json() if self.by_rollout else None,
                "rollout_p_value": self.rollout_p_value,
            },
            "causes": [
                {
                    "cause": each.name, "title": each.title, "before": each.before, "after": each.after,
                    "p_value": each.p_value,
                }
                for each in self.causes
            ],
        }


def compare(before: Sequence[Diagnosis], after: Sequence[Diagnosis]) -> Comparison:
    """Compare two sides, each of at least one diagnosis; several of one side add up."""
    first, second = _side(before), _side(after)
    p_value = statistics.fisher(first.failed, first.requests, second.failed, second.requests)
    change = _change(first, second, p_value)
    rollout_p_value = _rollout_p_value(first, second)
    by_rollout = statistics.difference_by_block(first.rollouts, second.rollouts)
    return Comparison(
        before=first,
        after=second,
        change=change,
        sentence=_sentence(first, second, change),
        supports=_supports(first, second, rollout_p_value),
        difference=statistics.difference(first.ratio, second.ratio),
        p_value=p_value,
        by_rollout=by_rollout,
        rollout_p_value=rollout_p_value,
        causes=_causes(first, second),
    )


def _side(diagnoses: Sequence[Diagnosis]) -> Side:
    causes: dict[str, int] = {}
    for diagnosis in diagnoses:
        for cause in diagnosis.causes:
            causes[cause.name] = causes.get(cause.name, 0) + cause.failed
    return Side(
        recordings=tuple(each.recording for each in diagnoses),
        verdicts=tuple(each.verdict for each in diagnoses),
        requests=sum(each.requests.total for each in diagnoses),
        failed=sum(each.requests.failed for each in diagnoses),
        near_misses=sum(each.requests.near_misses for each in diagnoses),
        causes=causes,
        rollouts=tuple(block for each in diagnoses for block in _rollouts(each)),
        latencies=_latencies(diagnoses),
    )


def _rollouts(diagnosis: Diagnosis) -> Iterable[tuple[int, int]]:
    """Return (failed, sent) of each rollout; one in which nothing was sent says nothing."""
    diagnosis.engine.make("findings.rollout_impact")
    rows = diagnosis.engine.rows("select failed_count, request_count from findings.rollout_impact")
    return [(row["failed_count"], row["request_count"]) for row in rows if row["request_count"]]


def _latencies(diagnoses: Sequence[Diagnosis]) -> tuple[Latency, ...]:
    found: dict[float, list[dict[str, Any]]] = {}
    for diagnosis in diagnoses:
        diagnosis.engine.make("findings.latencies")
        for row in diagnosis.engine.rows("from findings.latencies"):
            found.setdefault(row["quantile_ratio"], []).append(row)
    return tuple(_latency(quantile, rows) for quantile, rows in found.items())


def _latency(quantile: float, rows: Sequence[Mapping[str, Any]]) -> Latency:
    if len(rows) == 1:
        return Latency(quantile, rows[0]["latency_ms"], rows[0]["lo_ms"], rows[0]["hi_ms"])
    values = [row["latency_ms"] for row in rows]
    return Latency(quantile, median(values), min(values), max(values))


def _change(before: Side, after: Side, p_value: float) -> Change:
    sides = (before, after)
    if not all(side.requests for side in sides) or any(Verdict.INCONCLUSIVE in side.verdicts for side in sides):
        return Change.INCONCLUSIVE
    if p_value >= SURE:
        return Change.SAME
    return Change.BETTER if after.ratio.value < before.ratio.value else Change.WORSE


def _rollout_p_value(before: Side, after: Side) -> float | None:
    if not before.rollouts or not after.rollouts:
        return None
    return statistics.fisher(
        before.lossy_rollouts, len(before.rollouts), after.lossy_rollouts, len(after.rollouts)
    )


def _causes(before: Side, after: Side) -> tuple[CauseChange, ...]:
    names = sorted(
        {name for side in (before, after) for name, count in side.causes.items() if count},
        key=lambda name: (-before.causes.get(name, 0), -after.causes.get(name, 0), name),
    )
    counts = [(before.causes.get(name, 0), after.causes.get(name, 0)) for name in names]
    p_values = statistics.holm([
        statistics.fisher(first, before.requests, second, after.requests) for first, second in counts
    ])
    return tuple(
        CauseChange(name, words.title(name), first, second, p_value)
        for name, (first, second), p_value in zip(names, counts, p_values, strict=True)
    )


def _sentence(before: Side, after: Side, change: Change) -> str:
    sizes = " → ".join(f"{words.counted(side.failed)} of {words.counted(side.requests)}" for side in (before, after))
    return f"{sizes} requests failed: {_ANSWERS[change]}."


_ANSWERS = {
    Change.BETTER: "a smaller share than before, by more than chance",
    Change.WORSE: "a larger share than before, by more than chance",
    Change.SAME: "the difference may be chance",
    Change.INCONCLUSIVE: "one of the sides does not show enough to compare",
}


def _supports(before: Side, after: Side, rollout_p_value: float | None) -> tuple[str, ...]:
    """Return what the rollouts support: requests of one rollout fail together, so it is rollouts that count."""
    if rollout_p_value is None:
        return ("no rollout was recorded on one side: nothing can be said of the next rollout",)
    counts = [f"{side.lossy_rollouts} of {_rollouts_counted(side)}" for side in (before, after)]
    said = [f"{counts[0]} lost requests before, {counts[1]} after (p={rollout_p_value:.2g})"]
    if after.rollouts and not after.lossy_rollouts:
        clean = len(after.rollouts)
        said.append(
            f"after {_rollouts_counted(after)} without loss, at most {statistics.most_lossy(clean):.0%} of such "
            f"rollouts lose requests (at 95 %); to say at most 10% takes {statistics.clean_wanted(0.1)}"
        )
    return tuple(said)


def _rollouts_counted(side: Side) -> str:
    return f"{len(side.rollouts)} rollout{'s' if len(side.rollouts) != 1 else ''}"
