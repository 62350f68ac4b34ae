"""What a run shows: the verdict over its recording, its gate, and whether that is another one than last time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.analysis.diagnosis import Verdict
from zdtrace.analysis.findings import Findings, find
from zdtrace.analysis.limits import limits
from zdtrace.chaos.experiment import Experiment
from zdtrace.chaos.journal import SUFFIX, JournalError, read_journal
from zdtrace.chaos.outcomes import FINISHED, NOT_STEADY, Outcome
from zdtrace.errors import RecordingError, ZdtraceError
from zdtrace.recording.folders import open_recordings
from zdtrace.recording.store import remove_recording

RUNS = "runs.ndjson"
"""In the folder of an experiment's results: a line a run, oldest first."""
PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One run and what is to be said of it. `findings` is null when there is no recording to judge.

    `verdict` is pass, fail or inconclusive, or the state of a run that did not finish. `before` is the verdict of the
    run before it, null for the first. `broken` are the limits that it is over.
    """

    outcome: Outcome
    target: str
    namespace: str
    findings: Findings | None
    verdict: str
    broken: tuple[str, ...]
    before: str | None

    @property
    def has_changed(self) -> bool:
        """Whether the verdict is another one than last time; the first is a change when it is no pass."""
        return self.verdict != (self.before or PASS)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, aborted or not undone, 3 inconclusive, that of the error that ended it, 130 interrupted."""
        if self.outcome.is_interrupted:
            return _INTERRUPTED
        if self.outcome.state != FINISHED:
            return 1 if self.outcome.state == NOT_STEADY else self.outcome.exit_code
        return {PASS: 0, INCONCLUSIVE: 3}.get(self.verdict, 1)

    @property
    def sentence(self) -> str:
        """Say what happened."""
        if self.outcome.state != FINISHED:
            return f"{self.outcome.state}: {self.outcome.reason}"
        if not self.outcome.is_undone:
            return f"not everything is undone: zdtrace chaos undo {self.outcome.journal}"
        sentences = [self.findings.diagnosis.sentence] if self.findings else ["there is no recording to judge"]
        return "; ".join([*sentences, *(f"not as before: {each}" for each in self.outcome.unsteady)])

    def as_json(self) -> dict[str, Any]:
        """Return the line of `runs.ndjson`."""
        requests = self.findings.diagnosis.requests if self.findings else None
        causes = self.findings.diagnosis.causes if self.findings else ()
        return {
            **self.outcome.as_json(), "target": self.target, "namespace": self.namespace, "verdict": self.verdict,
            "sentence": self.sentence, "over": list(self.broken),
            "began_at_ns": self.outcome.began_at_ns, "ended_at_ns": self.outcome.ended_at_ns,
            "requests": requests.total if requests else None, "failed": requests.failed if requests else None,
            "near_misses": requests.near_misses if requests else None,
            "causes": {each.name: each.failed for each in causes if each.failed},
        }


def judge(experiment: Experiment, outcome: Outcome) -> Judged:
    """Judge a run, and write its line into `runs.ndjson` beside the recording. Raises RecordingError without a disk."""
    findings: Findings | None = None
    broken: tuple[str, ...] = ()
    try:
        (recording,) = open_recordings(outcome.recording)
        findings = find(recording)
        broken = tuple(each.text for each in limits(experiment.report.fail_on) if each.is_over(findings.diagnosis))
    except Exception as error:  # whatever is wrong with the analysis, the run's own line must not be lost
        outcome.unsteady.append(f"the recording cannot be judged: {getattr(error, 'message', repr(error)[:200])}")
    runs = outcome.journal.parent / RUNS
    judged = Judged(
        outcome=outcome, target=experiment.target.words, namespace=str(experiment.target.namespace), findings=findings,
        verdict=_verdict(outcome, findings, broken), broken=broken, before=_last_verdict(runs, experiment.name),
    )
    try:
        with runs.open("a", encoding="utf-8") as file:
            file.write(json.dumps(judged.as_json(), ensure_ascii=False) + "\n")
    except OSError as error:
        raise RecordingError(f"`{runs}` cannot be written: {error.strerror}") from error
    return judged


def _verdict(outcome: Outcome, findings: Findings | None, broken: tuple[str, ...]) -> str:
    if outcome.state != FINISHED:
        return outcome.state
    if not outcome.is_undone or broken:
        return FAIL
    if findings is None or findings.diagnosis.verdict is Verdict.INCONCLUSIVE:
        return INCONCLUSIVE
    return FAIL if outcome.unsteady else PASS


def read_runs(folder: Path) -> list[Mapping[str, Any]]:
    """Return the runs of a folder, oldest first; lines that cannot be read are left out."""
    try:
        lines = (folder / RUNS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[Mapping[str, Any]] = []
    for line in lines:
        try:
            each = json.loads(line)
        except ValueError:
            continue
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            found.append(each)
    return found


def _last_verdict(runs: Path, experiment: str) -> str | None:
    every = [each for each in read_runs(runs.parent) if each.get("experiment") == experiment]
    return str(every[-1].get("verdict")) if every else None


def forget(folder: Path, experiment: str, keep: int) -> list[str]:
    """Remove the recordings, pages and journals of all but the last `keep` runs; returns the runs' names.

    A run that is not undone stays: its journal is what undoes it.
    """
    every = [str(each["id"]) for each in read_runs(folder) if each.get("experiment") == experiment]
    gone = []
    for name in every[:-keep]:
        recording = folder / f"{name}.zdtrace"
        # The name comes from a file: nothing but what stands right in this folder is ours.
        if recording.parent != folder or not recording.is_dir() or _has_work(folder / f"{name}{SUFFIX}"):
            continue
        try:
            remove_recording(recording)
        except ZdtraceError:
            continue
        for each in (folder / f"{name}.html", folder / f"{name}{SUFFIX}"):
            each.unlink(missing_ok=True)
        gone.append(name)
    return gone


def _has_work(journal: Path) -> bool:
    try:
        return bool(read_journal(journal).to_undo)
    except JournalError:
        return False
