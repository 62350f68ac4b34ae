"""Many recordings of a workload, one after the other: how long the path took, what failed, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from zdtrace.analysis.diagnosis import Diagnosis, diagnose
from zdtrace.analysis.recommendation import Recommendation, recommend
from zdtrace.errors import UsageError
from zdtrace.recording.store import Recording

SCHEMA_VERSION = 1
"""Of the JSON that `zdtrace history -o json` writes."""


@dataclass(frozen=True, slots=True)
class Run:
    """One recording. `began_at_ns` is its first request, None without one; the other times are s.

    `propagation_s` bounds how long ended pods were still chosen, None where that was not seen; `needed_s` is the
    preStop that this recording alone supports. `recommendation` is None where no pods were recorded.
    """

    recording: str
    began_at_ns: int | None
    diagnosis: Diagnosis
    recommendation: Recommendation | None

    @property
    def propagation_s(self) -> float | None:
        """The slowest path's bound."""
        needs = self.recommendation.needs if self.recommendation else ()
        found = [need.bound.bound_s for need in needs]
        return None if not found or None in found else max(each for each in found if each is not None)

    @property
    def causes(self) -> Mapping[str, int]:
        """Failed requests by cause, costliest first; healed ones are not among them."""
        return {cause.name: cause.failed for cause in self.diagnosis.causes if cause.failed}

    def as_json(self) -> dict[str, Any]:
        """Return the run as `zdtrace history -o json` writes it."""
        found, requests = self.recommendation, self.diagnosis.requests
        return {
            "recording": self.recording,
            "began_at": None if self.began_at_ns is None else _utc(self.began_at_ns),
            "workload": found.workload if found else None,
            "verdict": str(self.diagnosis.verdict),
            "requests": {"total": requests.total, "failed": requests.failed, "near_misses": requests.near_misses},
            "causes": dict(self.causes),
            "rollouts": found.claim.rollouts if found else 0,
            "current_prestop_s": found.current_prestop_s if found else None,
            "propagation_s": self.propagation_s,
            "seen_s": found.seen_s if found else None,
            "recommendation": str(found.verdict) if found else None,
            "prestop_s": found.prestop_s if found else None,
        }


@dataclass(frozen=True, slots=True)
class History:
    """Recordings in the order of time, and what they support together (None without pods, or for several workloads)."""

    runs: tuple[Run, ...]
    together: Recommendation | None

    def as_json(self) -> dict[str, Any]:
        """Return the contract of `zdtrace history -o json`, see reports/schema/history-1.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "runs": [run.as_json() for run in self.runs],
            "together": self.together.as_json() if self.together else None,
        }


def history(
    recordings: Sequence[Recording], *, workload: str | None = None, namespace: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> History:
    """Judge each recording for itself, and all of them together. Raises RecordingError when one cannot be read."""
    runs = [_run(recording, workload, namespace, settings) for recording in recordings]
    judged = [recording for recording, run in zip(recordings, runs, strict=True) if run.recommendation]
    names = {run.recommendation.workload for run in runs if run.recommendation}
    together = None
    if len(names) == 1:
        together = recommend(judged, workload=names.pop(), settings=settings)
    return History(tuple(sorted(runs, key=lambda run: (run.began_at_ns or 0, run.recording))), together)


def _run(
    recording: Recording, workload: str | None, namespace: str | None, settings: Mapping[str, str] | None
) -> Run:
    diagnosis = diagnose(recording, settings)
    diagnosis.engine.make("staging.request_spans")
    began = diagnosis.engine.rows("select min(first_lo_ns) as began_at_ns from staging.request_spans")[0]
    try:
        found = recommend([recording], workload=workload, namespace=namespace, settings=settings)
    except UsageError:
        # Recordings without the workload stay in the list: that nothing can be said of them is to be seen.
        found = None
    return Run(recording.name, began["began_at_ns"], diagnosis, found)


def _utc(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
