"""What the analysis, and simpler ways beside it, say of each labelled request."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import variants
from label_rules import Label
from labelled_corpus import Labelled

from zdtrace.analysis.engine import Engine
from zdtrace.recording.store import open_recording

Make = Callable[[Path, Path], object]
EVIDENCE: dict[str, Make | None] = {"with proxy log": None, "client and cluster": variants.without_proxy}
SHIFTS = (
    ("client", -3), ("client", -0.2), ("client", 0.2), ("client", 3), ("proxy", -3), ("proxy", 3), ("recorder", -3),
    ("recorder", 3),
)
VARIANTS: dict[str, Make] = {
    f"{clock} clock {seconds:+g} s": partial(variants.with_clock_shifted, clock=clock, seconds=seconds)
    for clock, seconds in SHIFTS
} | {
    "a fifth of the watch lost": partial(variants.with_events_dropped, share=0.2, seed=1),
    "addresses reused": variants.with_addresses_reused,
}
CLEAN = ("clean", "near_miss")
"""Recordings in which nothing may be blamed have names that begin so."""
NEAREST = {
    "Killing": "endpoint_lag_refused", "SuccessfulDelete": "endpoint_lag_refused", "BackOff": "container_crash",
    "Unhealthy": "liveness_kill", "FailedPreStopHook": "prestop_hook_failed", "OOMKilling": "oom_killed",
    "Started": "pod_not_ready_yet", "Created": "pod_not_ready_yet", "SuccessfulCreate": "pod_not_ready_yet",
}


@dataclass(frozen=True)
class Judgement:
    """One failed request: its label, the verdict (`weight` is its confidence), and what the nearest event says."""

    recording: str
    request_id: str
    status: int | None
    label: Label
    cause: str
    trigger: str | None
    tier: str
    weight: float
    nearest: str


@dataclass(frozen=True)
class Judged:
    """A recording with its judgements; `unlabelled` requests failed, and nobody knows why."""

    name: str
    judgements: tuple[Judgement, ...]
    unlabelled: int
    is_clean: bool


def verdicts(recording: Path) -> list[dict[str, Any]]:
    """Return the verdict on each failed request, with the cluster's event nearest to its end."""
    engine = Engine(open_recording(recording))
    engine.make("findings.verdicts", "staging.cluster_events")
    columns = "request_id, status, cause, pod_trigger, tier, weight, ended_at_ns, pod_name, runner_up, symptom"
    found = engine.rows(f"select {columns} from findings.verdicts order by request_id")
    events = engine.rows("select happened_lo_ns, reason from staging.cluster_events")
    times = [(each["happened_lo_ns"], each["reason"]) for each in events if each["reason"] in NEAREST]
    for row in found:
        _, reason = min(((abs(at - row["ended_at_ns"]), reason) for at, reason in times), default=(0, ""))
        row["nearest"] = NEAREST.get(reason, "unattributed")
    return found


def judged(name: str, recording: Path, labels: dict[str, Label]) -> Judged:
    """Lay the verdicts beside the labels."""
    rows = verdicts(recording)
    known = [row for row in rows if row["request_id"] in labels]
    return Judged(name, tuple(
        Judgement(
            name, row["request_id"], row["status"], labels[row["request_id"]], row["cause"], row["pod_trigger"],
            row["tier"], row["weight"], row["nearest"],
        )
        for row in known
    ), len(rows) - len(known), is_clean=name.startswith(CLEAN))


class Bench:
    """Imported recordings in a scratch folder, each once, and their variants."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._imported: dict[str, tuple[Path, dict[str, Label]]] = {}
        self._judged: dict[str, Judged] = {}

    def imported(self, one: Labelled) -> tuple[Path, dict[str, Label]]:
        """Return the recording and its labels."""
        if one.name not in self._imported:
            folder = self.scratch / f"{one.name}.zdtrace"
            one.import_into(folder)
            self._imported[one.name] = (folder, one.labels(folder))
        return self._imported[one.name]

    def judge(self, one: Labelled, change: Make | None = None) -> Judged | None:
        """Return the judgements of a recording, changed or as it is; None when the change cannot be made of it."""
        if change is None:
            if one.name not in self._judged:
                self._judged[one.name] = judged(one.name, *self.imported(one))
            return self._judged[one.name]
        recording, labels = self.imported(one)
        with tempfile.TemporaryDirectory(dir=self.scratch) as parent:
            target = Path(parent) / f"{one.name}.zdtrace"
            return None if change(recording, target) is False else judged(one.name, target, labels)


def by_status(judgements: Iterable[Judgement]) -> list[str]:
    """Return what a look-up by status would say that learned from all *other* recordings: the most frequent label.

    Each recording has one vote for each status, however many requests failed in it.
    """
    rows = list(judgements)
    counted: dict[tuple[str, int | None], Counter[str]] = defaultdict(Counter)
    for each in rows:
        counted[each.recording, each.status][each.label.mechanism] += 1
    learned: dict[tuple[str, int | None], str] = {}
    for name, status in counted:
        votes: dict[str, float] = defaultdict(float)
        for (other, same), causes in counted.items():
            if other != name and same == status:
                for cause, count in causes.items():
                    votes[cause] += count / causes.total()
        learned[name, status] = max(sorted(votes), key=votes.__getitem__, default="unattributed")
    return [learned[each.recording, each.status] for each in rows]
