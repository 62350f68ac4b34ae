"""What became of a run, and the words for what is planned, done and found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zdtrace.chaos.cluster import Restored
from zdtrace.chaos.experiment import Steady
from zdtrace.chaos.journal import Plan
from zdtrace.chaos.live import Window

FINISHED, ABORTED, FAILED, NOT_STEADY = "finished", "aborted", "failed", "not steady"


@dataclass(slots=True)
class Outcome:
    """What became of a run. `reason` says why it did not finish; `unsteady` what was not as before at its end.

    `exit_code` is that of the error which ended it, if one did.
    """

    id: str
    experiment: str
    journal: Path
    recording: Path
    state: str = FAILED
    reason: str = ""
    did: list[str] = field(default_factory=list)
    restored: list[Restored] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)
    began_at_ns: int = 0
    ended_at_ns: int = 0
    is_undone: bool = False
    is_interrupted: bool = False
    exit_code: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "id": self.id, "experiment": self.experiment, "journal": str(self.journal),
            "recording": str(self.recording), "state": self.state, "reason": self.reason or None, "did": self.did,
            "undone": [
                {"object": each.ref.words, "state": each.state, "details": list(each.details)} for each in self.restored
            ],
            "is_undone": self.is_undone, "unsteady": self.unsteady,
        }


def describe(plan: Plan) -> str:
    """Say in a few words what a plan does, and to whom: `deletePods demo-1, demo-2`."""
    if plan.victims and not plan.edits:
        return f"{plan.action} {', '.join(each.name for each in plan.victims)}"
    edits = [words for each in plan.edits for words in each.words]
    victims = [f"{len(plan.victims)} pods"] if plan.victims else []
    return f"{plan.action} {'; '.join([*edits[:3], *victims])}"


def unsteady(steady: Steady, window: Window | None, ready: int) -> list[str]:
    """Return what is not as the experiment wants it. `window` null: requests are not looked at."""
    why = []
    if steady.ready_replicas is not None and ready < steady.ready_replicas:
        why.append(f"{ready} pods are ready, and {steady.ready_replicas} are wanted")
    if window is None:
        return why
    if not window.total:
        return [*why, f"no request was answered within {steady.for_s:g} s"]
    if steady.failed_ratio is not None and window.failed_ratio > steady.failed_ratio:
        why.append(
            f"{window.failed} of {window.total} requests failed: {window.failed_ratio:.2%}, and at most "
            f"{steady.failed_ratio:.2%} are wanted"
        )
    for quantile, limit_ms in steady.quantiles_ms.items():
        if (found_ms := window.quantile_ms(quantile)) > limit_ms:
            why.append(f"p{quantile * 100:g} of latency is {found_ms:.0f} ms, and at most {limit_ms:.0f} ms are wanted")
    return why
