"""What each cause cost each workload: the cases that CI systems and code scanners list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zdtrace.analysis import words
from zdtrace.analysis.diagnosis import Cause, Diagnosis

NO_WORKLOAD = "unknown workload"


@dataclass(frozen=True, slots=True)
class Case:
    """A workload and a cause: `namespace/kind/name`, how many requests failed so, some of them, and why they did."""

    workload: str
    cause: Cause
    failed: int
    exemplars: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        noun = "request" if self.failed == 1 else "requests"
        return f"{words.counted(self.failed)} {noun} {words.clause(self.cause.name)}"


def cases(diagnosis: Diagnosis) -> tuple[Case, ...]:
    """Return a case for each workload and cause that lost requests, by workload, costliest first."""
    causes = {cause.name: cause for cause in diagnosis.causes}
    return tuple(
        Case(row["workload"] or NO_WORKLOAD, causes[row["cause"]], row["failed_count"], tuple(row["exemplars"]))
        for row in _rows(diagnosis) if row["cause"]
    )


def workloads(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return every workload that was replaced or lost requests, by name."""
    return tuple(dict.fromkeys(row["workload"] for row in _rows(diagnosis) if row["workload"]))


def _rows(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    diagnosis.engine.make("findings.workload_causes")
    return diagnosis.engine.rows("from findings.workload_causes")
