"""A proof's rollouts on a real cluster: each one recording, judged as `analyze` and `recommend` judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from zdtrace.analysis.diagnosis import Diagnosis, Verdict, diagnose
from zdtrace.analysis.recommendation import Recommendation, recommend
from zdtrace.collectors.recorder import Wanted
from zdtrace.proving.hands import Hands
from zdtrace.proving.proof import Trial
from zdtrace.proving.treatment import Treatment, treatment
from zdtrace.recording.store import Recording, open_recording
from zdtrace.sessions.session import Asked, Heard, Scene, hold, prepared

LOAD_LOG = "load.log"


class Interrupted(Exception):
    """Somebody told us to stop."""


@dataclass(slots=True)
class _Rollout:
    """What one who restarts notes. `is_covered`: the load still ran when the last old pod had gone."""

    began_at: float = 0.0
    settled_at: float = 0.0
    is_covered: bool = False


@dataclass(slots=True, kw_only=True)
class ClusterBench:
    """Makes recordings in `folder`. `lead_s` is how long the load runs before each restart, `deadline` of `monotonic`.

    `workload` is `namespace/kind/name`, as recordings name it.
    """

    hands: Hands
    wanted: Wanted
    command: Sequence[str]
    requests: Path | None
    folder: Path
    heard: Heard
    say: Callable[[str], None]
    lead_s: float = 5.0
    after_s: float = 3.0
    deadline: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    native_sleep: bool | None = None
    logs: tuple[Path, ...] = ()

    @property
    def workload(self) -> str:
        """Return the workload as recordings name it."""
        ref = self.hands.ref
        return f"{ref.namespace}/{ref.kind}/{ref.name}"

    def left_s(self) -> float | None:
        """Return how much of the budget is left."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def record(self, name: str) -> Trial:
        """Record one rollout under load. Raises Interrupted, ClusterError, RecordingError."""
        self.check()
        began_at = time.monotonic()
        path = self.folder / f"{name}.zdtrace"
        self.hands.check_still_ours()
        rollout = _Rollout()
        loads = prepared(Asked(list(self.command)), path, self.requests)
        done = hold(
            self.hands.cluster.api, self.wanted, path, replace(loads, talk=self.folder / LOAD_LOG, logs=self.logs),
            heard=self.heard, say=self.say, after_s=self.after_s, act=lambda scene: self._restart(scene, rollout),
        )
        self.check()
        diagnosis = diagnose(open_recording(path), self.settings)
        seconds = time.monotonic() - began_at
        return Trial(
            recording=path.name,
            requests=diagnosis.requests.total,
            failed=diagnosis.requests.failed,
            causes={each.name: each.failed for each in diagnosis.causes if each.failed},
            rollout_s=round(rollout.settled_at - rollout.began_at, 1),
            seconds=round(seconds, 1),
            doubt=_doubt(diagnosis, rollout, done.code),
        )

    def _restart(self, scene: Scene, rollout: _Rollout) -> None:
        if scene.heard.stop.wait(self.lead_s):
            return
        before = self.hands.pod_uids()
        began_at_ns, rollout.began_at = time.time_ns(), time.monotonic()
        self.hands.restart()
        try:
            self.hands.settle(before)
        finally:
            rollout.settled_at = time.monotonic()
            rollout.is_covered = not scene.load_ended.is_set()
            scene.mark(f"prove: restart of {self.hands.ref.words}", began_at_ns, time.time_ns())

    def advise(self, every: Sequence[Trial], latest: Sequence[Trial]) -> tuple[Recommendation, Treatment]:
        """Judge: numbers from all recordings, remedies from those that were made as the workload is now."""
        self.check()
        found = self._recommend(every)
        if len(latest) < len(every):
            now = self._recommend(latest)
            found = replace(
                found, remedies=now.remedies, primary_remedy=now.primary_remedy, failed=now.failed,
                requests=now.requests,
            )
        return found, treatment(self.hands.workload().found, found)

    def _recommend(self, trials: Sequence[Trial]) -> Recommendation:
        return recommend(
            self.recordings(trials), workload=self.workload, settings=self.settings, native_sleep=self.native_sleep
        )

    def recordings(self, trials: Sequence[Trial]) -> list[Recording]:
        """Return the recordings of rollouts."""
        return [open_recording(self.folder / each.recording) for each in trials]

    def apply(self, change: Treatment) -> None:
        """Change the workload and wait until all of its pods are new."""
        self.check()
        for words in self.hands.apply(change):
            self.say(f"changed: {words}")

    def check(self) -> None:
        """Raise Interrupted when we were told to stop."""
        if self.heard.stop.is_set():
            raise Interrupted

    def wait(self, seconds: float) -> None:
        """Sleep. Raises Interrupted when we are told to stop."""
        if self.heard.stop.wait(seconds):
            raise Interrupted


def _doubt(diagnosis: Diagnosis, rollout: _Rollout, code: int) -> str | None:
    """Return why a rollout does not count, null when it does."""
    if not diagnosis.requests.total:
        return f"the load test logged no request (it ended with {code})"
    if not rollout.settled_at:
        return "the load test ended before the rollout began"
    if not rollout.is_covered:
        took_s = rollout.settled_at - rollout.began_at
        return f"the load ended before the last old pod had gone, {took_s:.0f} s after the restart: let it run longer"
    diagnosis.engine.make("findings.rollout_impact")
    blocks = diagnosis.engine.rows("select request_count from findings.rollout_impact")
    if not any(each["request_count"] for each in blocks):
        return "no request was sent during the rollout"
    if diagnosis.verdict is Verdict.INCONCLUSIVE:
        return diagnosis.checks[0].message
    return None

