"""What a proof says: what was recorded, what was changed, which claim that supports, and why not more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from zdtrace.analysis.comparison import Comparison
from zdtrace.analysis.recommendation import Recommendation
from zdtrace.analysis.remedies import GRACE_PERIOD, PRESTOP
from zdtrace.analysis.words import counted
from zdtrace.proving.claims import Aim, Plan
from zdtrace.proving.treatment import Treatment

SCHEMA_VERSION = 1
"""Of the JSON that `zdtrace prove -o json` writes."""


class Outcome(StrEnum):
    """The answer."""

    PROVEN = "proven"
    NOT_PROVEN = "not_proven"
    INCONCLUSIVE = "inconclusive"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Trial:
    """One recorded rollout. `doubt` says why it does not count, null when it does; a loss always counts.

    `rollout_s` is from the restart to the end of the last old pod, `seconds` all that the recording took.
    """

    recording: str
    requests: int
    failed: int
    causes: Mapping[str, int]
    rollout_s: float
    seconds: float
    doubt: str | None = None

    @property
    def is_lossy(self) -> bool:
        """Whether a request was lost."""
        return self.failed > 0

    @property
    def is_clean(self) -> bool:
        """Whether it counts, and nothing was lost."""
        return not self.failed and self.doubt is None

    def as_json(self) -> dict[str, Any]:
        """Return it as `zdtrace prove -o json` writes it."""
        return {
            "recording": self.recording, "requests": {"total": self.requests, "failed": self.failed},
            "causes": dict(self.causes), "rollout_s": self.rollout_s, "seconds": self.seconds, "doubt": self.doubt,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """Rollouts in a row with one change; `number` from 1. It ends with the first loss."""

    number: int
    treatment: Treatment
    trials: tuple[Trial, ...]

    @property
    def short(self) -> str:
        """What was changed, in a few words."""
        change = self.treatment
        words = [f"preStop {change.prestop_s} s"] if change.prestop_s is not None else []
        words += [f"grace period {change.grace_period_s} s"] if change.grace_period_s is not None else []
        words += [
            each.remedy.replace("_", " ") for each in change.steps if each.remedy not in (PRESTOP, GRACE_PERIOD)
        ]
        return ", ".join(words) or "as it is"

    @property
    def clean(self) -> int:
        """How many of them count and lost nothing."""
        return sum(each.is_clean for each in self.trials)

    @property
    def lossy(self) -> int:
        """How many lost something: none or one."""
        return sum(each.is_lossy for each in self.trials)

    def as_json(self, aim: Aim) -> dict[str, Any]:
        """Return it as `zdtrace prove -o json` writes it."""
        change = self.treatment
        return {
            "steps": [{"remedy": each.remedy, "change": each.words} for each in change.steps],
            "refused": [
                {
                    "remedy": each.remedy, "avoids_certain": each.avoids_certain,
                    "avoids_possible": each.avoids_possible, "why": each.why,
                }
                for each in change.refused
            ],
            "patch": dict(change.patch), "prestop_s": change.prestop_s, "grace_period_s": change.grace_period_s,
            "warnings": list(change.warnings),
            "wanted": aim.wanted(self.number), "clean": self.clean, "lossy": self.lossy,
            "error": aim.error_of(self.number), "trials": [each.as_json() for each in self.trials],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The whole: the claim, what it stands on, what it does not hold for. `restored` says how the workload was left.

    `reasons` say why it is not proven. `comparison` sets the rollouts as it was beside those with the last change.
    """

    workload: str
    outcome: Outcome
    plan: Plan
    baseline: tuple[Trial, ...]
    rows: tuple[Row, ...]
    recommendation: Recommendation | None
    comparison: Comparison | None
    reasons: tuple[str, ...]
    load: tuple[str, ...]
    started_at: str
    took_s: float
    restored: str = ""
    places: Mapping[str, str] | None = None

    @property
    def last(self) -> Row | None:
        """The row that the claim is about, null when none was begun."""
        return self.rows[-1] if self.rows else None

    @property
    def supported(self) -> float:
        """The share of rollouts that the last row supports; nothing when it lost."""
        row = self.last
        return self.plan.aim.supported(row.clean, row.number) if row and not row.lossy else 0.0

    @property
    def claim(self) -> str:
        """What is claimed, exactly."""
        row, aim = self.last, self.plan.aim
        if row is None or row.lossy or not row.clean:
            return "Nothing is claimed."
        sent = sum(each.requests for each in row.trials)
        change = "with the change" if not row.treatment.is_empty else "as it is"
        return (
            f"With {aim.confidence:.0%} confidence, at least {_percent(self.supported)} of rollouts like these lose no "
            f"request: {row.clean} of {row.clean} {change} lost 0 of {counted(sent)} requests."
        )

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        row = self.last
        if self.outcome is Outcome.PROVEN and row is not None:
            before = f"{sum(each.is_lossy for each in self.baseline)} of {len(self.baseline)} rollouts lost requests " \
                "as it was" if self.baseline else "as it is"
            how = f"with {row.short}" if not row.treatment.is_empty else "unchanged"
            return f"Proven: {before}; {how}, {row.clean} of {row.clean} lost none."
        if self.outcome is Outcome.NOT_PROVEN:
            return f"Not proven: {self.reasons[0]}."
        if self.outcome is Outcome.INTERRUPTED:
            return "Interrupted before the claim was proven."
        return f"Inconclusive: {self.reasons[0] if self.reasons else 'too little was recorded'}."

    def as_json(self) -> dict[str, Any]:
        """Return the contract of `zdtrace prove -o json`, see reports/schema/proof-1.json."""
        aim = self.plan.aim
        return {
            "schema_version": SCHEMA_VERSION,
            "workload": self.workload,
            "outcome": str(self.outcome),
            "sentence": self.sentence,
            "claim": {
                "text": self.claim, "wanted": aim.claim, "supported": self.supported, "confidence": aim.confidence,
                "revisions": aim.revisions,
            },
            "reasons": list(self.reasons),
            "baseline": [each.as_json() for each in self.baseline],
            "rows": [each.as_json(aim) for each in self.rows],
            "comparison": self.comparison.as_json() if self.comparison else None,
            "recommendation": self.recommendation.as_json() if self.recommendation else None,
            "load": list(self.load),
            "started_at": self.started_at,
            "took_s": self.took_s,
            "restored": self.restored,
            "files": dict(self.places or {}),
        }


def _percent(share: float) -> str:
    """Return a share rounded down, so that rounding claims nothing."""
    return f"{int(share * 1000) / 10:g} %"


def lost_words(trials: Sequence[Trial]) -> str:
    """Return what rollouts lost, and to which causes."""
    causes: dict[str, int] = {}
    for each in trials:
        for name, count in each.causes.items():
            causes[name] = causes.get(name, 0) + count
    parts = [f"{count} {name}" for name, count in sorted(causes.items(), key=lambda each: (-each[1], each[0])) if count]
    failed, sent = sum(each.failed for each in trials), sum(each.requests for each in trials)
    return f"{counted(failed)} of {counted(sent)} requests" + (f" ({', '.join(parts)})" if parts else "")
