"""Running an experiment: steady at first, then one action after the other, each written down before it is taken.

Whatever ends it, what can be undone is undone; what cannot be undone now is in the journal, for `zdtrace chaos undo`.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from pathlib import Path

from zdtrace.chaos import telling
from zdtrace.chaos.actions import ACTIONS
from zdtrace.chaos.actions.base import Hands
from zdtrace.chaos.cluster import Cluster
from zdtrace.chaos.experiment import Done, Experiment
from zdtrace.chaos.guards import Refused
from zdtrace.chaos.journal import SUFFIX, ActionJournal, Header, JournalError, Plan, new_id, read_journal
from zdtrace.chaos.lease import Lease
from zdtrace.chaos.live import LiveRequests
from zdtrace.chaos.loads import Beside, MadeLoads, make_loads
from zdtrace.chaos.outcomes import ABORTED, FAILED, FINISHED, NOT_STEADY, Outcome, describe, unsteady
from zdtrace.chaos.scenes import planned
from zdtrace.chaos.undoing import Say, undo_left, undo_step
from zdtrace.chaos.watchman import Brake, Stopped, Watchman
from zdtrace.chaos.workloads import Workload, read_workload, wait_rolled_out
from zdtrace.collectors.api import Api
from zdtrace.collectors.recorder import Ingress, Wanted
from zdtrace.errors import ClusterError, RecordingError, ZdtraceError
from zdtrace.sessions.session import Heard, Scene, hold

_FIRST_REQUEST_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.1
_AT_ONCE_S = 4.0
_PATIENCE_S = 60.0
_ACTOR_ENDS_WITHIN_S = 20.0


def dry_run(experiment: Experiment, api: Api, chance: random.Random) -> list[tuple[Plan, list[str]]]:
    """Return what each action would do now, and every reason against it. Changes nothing."""
    cluster = Cluster(api)
    return [planned(experiment, cluster, each.action, chance) for each in experiment.actions]


def run(
    experiment: Experiment, api: Api, folder: Path, *, heard: Heard, say: Say, chance: random.Random,
) -> Outcome:
    """Run an experiment under recording. What runs before it left in the folder, and on the workload, is undone first.

    Raises Refused before anything is done, ClusterError without a cluster, RecordingError without a place to write.
    """
    if undo_left(folder, experiment.target, api, say):
        wait_rolled_out(Cluster(api), experiment.target)
    if reasons := [why for _, reasons in dry_run(experiment, api, chance) for why in reasons]:
        raise Refused(reasons)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"`{folder}` cannot be made: {error.strerror}") from error
    workload = read_workload(Cluster(api), experiment.target)
    lease = Lease(api, workload.ref)
    lease.take()
    try:
        name = new_id(experiment.name)
        recording = folder / f"{name}.zdtrace"
        loads = make_loads(experiment.load, recording)
        header = Header(
            id=name, experiment=experiment.name, target=workload.ref, server=api.server, lease=lease.holder
        )
        with ActionJournal(folder / f"{name}{SUFFIX}", header) as journal:
            outcome = Outcome(name, experiment.name, journal.path, recording)
            _Run(experiment, api, journal, workload, lease, outcome, heard, say, chance).go(loads)
    finally:
        lease.release()
    return outcome


class _Run:
    """One run of an experiment, and everything that it holds."""

    def __init__(
        self, experiment: Experiment, api: Api, journal: ActionJournal, workload: Workload, lease: Lease,
        outcome: Outcome, heard: Heard, say: Say, chance: random.Random,
    ) -> None:
        self._experiment = experiment
        self._api = api
        self._journal = journal
        self._workload = workload
        self._lease = lease
        self._outcome = outcome
        self._heard = heard
        self._say = say
        self._chance = chance
        self._brake = Brake()
        self._cluster = Cluster(api, self._brake.check)
        self._teller = telling.Teller(api, workload, say)
        self._is_over = False
        self._begun, self._acted = threading.Event(), threading.Event()
        self._beside: Beside | None = None
        self._logs: tuple[Path, ...] = ()

    def go(self, prepared: MadeLoads) -> None:
        """Record, act, undo."""
        outcome, experiment = self._outcome, self._experiment
        loads, self._beside, self._logs = prepared
        outcome.began_at_ns = time.time_ns()
        spec = self._workload.spec.get("selector") or {}
        labels = {} if spec.get("matchExpressions") else spec.get("matchLabels") or {}
        wanted = Wanted(
            namespace=experiment.target.namespace,
            selector=",".join(f"{key}={value}" for key, value in sorted(labels.items())) or None,
            ingresses=tuple(Ingress(each.namespace) for each in experiment.controllers),
        )
        try:
            hold(self._api, wanted, outcome.recording, loads, heard=self._heard, say=self._say, act=self._act)
        except (ZdtraceError, OSError) as error:
            # The recording may be lost; the cluster must not be.
            self._fail(error)
        finally:
            self._brake.pull("the recording has ended")
            self._finish()

    # In the thread that acts

    def _act(self, scene: Scene) -> None:
        self._begun.set()
        experiment = self._experiment
        if self._beside is not None:
            self._beside.start(scene.journal)
        watchman = Watchman(
            self._brake, experiment.abort, api=self._api, target=self._workload.ref, lease=self._lease,
            requests=LiveRequests(self._logs, max(experiment.abort.over_s, experiment.steady.for_s) + 5),
            told=lambda: self._told(scene),
        )
        try:
            self._go_through(scene, watchman)
        except Stopped as stopped:
            self._abort(scene, stopped)
        except (ZdtraceError, OSError) as error:
            self._fail(error)
            self._undo(scene, is_all=True, patience_s=_AT_ONCE_S)
        finally:
            self._is_over = True
            watchman.stop()
            self._end_load(scene)
            self._acted.set()

    def _go_through(self, scene: Scene, watchman: Watchman) -> None:
        experiment, outcome = self._experiment, self._outcome
        watchman.start()
        self._await_requests(watchman)
        self._say(f"waiting {experiment.steady.for_s:g} s to see that it is steady")
        self._brake.wait(experiment.steady.for_s)
        if why := self._unsteady(watchman, scene):
            outcome.state, outcome.reason = NOT_STEADY, "; ".join(why)
            self._say(f"it is not steady, so nothing is done: {outcome.reason}")
            return
        self._teller.tell(telling.STARTED, f"{experiment.name} ({outcome.id}) begins")
        for number in range(experiment.repeat):
            if number:
                self._say(f"pausing {experiment.repeat_pause_s:g} s before round {number + 1} of {experiment.repeat}")
                self._brake.wait(experiment.repeat_pause_s)
            for each in experiment.actions:
                self._step(scene, each)
            self._brake.wait(experiment.observe_s)
            # Each round begins with what the first one began with.
            self._undo(scene, is_all=False, patience_s=_AT_ONCE_S)
            wait_rolled_out(self._cluster, self._workload.ref, wait=self._brake.wait)
        self._brake.wait(experiment.steady.for_s)
        if scene.load_ended.is_set() and experiment.load.command:
            outcome.unsteady.append("the load test ended before the experiment: nobody sent requests at its end")
        outcome.unsteady += self._unsteady(watchman, scene)
        outcome.state = FINISHED

    def _await_requests(self, watchman: Watchman) -> None:
        """Wait until the load test sends: a program that is only starting is no sign of anything."""
        if not self._experiment.load.is_seen and self._experiment.load.command:
            self._say("the requests are judged when they are over: until then only the workload is looked at")
        deadline = time.monotonic() + _FIRST_REQUEST_WITHIN_S
        while self._experiment.load.is_seen and not watchman.window(1.0).total and time.monotonic() < deadline:
            self._brake.wait(_LOOK_EVERY_S)

    def _step(self, scene: Scene, done: Done) -> None:
        # The pods that the action before took away come back first: it is no reason to refuse this one.
        wait_rolled_out(self._cluster, self._workload.ref, wait=self._brake.wait)
        plan, reasons = planned(self._experiment, self._cluster, done.action, self._chance)
        if reasons:
            raise Refused(reasons)
        number = self._journal.begin(plan)
        words = describe(plan)
        self._say(f"step {number}: {words}")
        began_at_ns = time.time_ns()

        def did(what: str) -> None:
            self._outcome.did.append(what)
            self._journal.did(number, what)

        how = "done"
        try:
            done.action.act(Hands(cluster=self._cluster, did=did, wait=self._brake.wait), plan)
        except Stopped:
            how = f"aborted: {self._brake.reason}"
            raise
        except ZdtraceError as error:
            how = f"failed: {error.message}"
            raise
        finally:
            scene.mark(f"chaos: {words}", began_at_ns, time.time_ns())
            self._journal.end(number, how)
            if not self._brake.is_pulled:
                self._teller.tell(telling.ACTED, f"{self._experiment.name}: {words}: {how}", is_warning=how != "done")
        self._brake.wait(done.pause_s)

    def _abort(self, scene: Scene, stopped: Stopped) -> None:
        self._outcome.state, self._outcome.reason = ABORTED, stopped.message
        self._say(f"aborted: {stopped.message}")
        self._undo(scene, is_all=True, patience_s=_AT_ONCE_S)
        scene.mark(f"chaos: aborted: {stopped.message}", self._brake.pulled_at_ns, time.time_ns())
        self._teller.tell(telling.ABORTED, f"{self._experiment.name}: {stopped.message}", is_warning=True)

    def _undo(self, scene: Scene | None, *, is_all: bool, patience_s: float) -> None:
        """Undo the steps that are left, the last first; at a good end those stay whose undoing would disrupt again."""
        for step in read_journal(self._journal.path).to_undo:
            if not is_all and ACTIONS[step.plan.action].is_kept:
                self._journal.undone(step.number, "kept")
                continue
            began_at_ns = time.time_ns()
            try:
                restored = undo_step(self._journal, step, Cluster(self._api), self._say, patience_s=patience_s)
            except ClusterError as error:
                self._say(f"step {step.number} is not undone: {error.message}")
                continue
            self._outcome.restored += restored
            for each in restored:
                details = f" ({'; '.join(each.details)})" if each.details else ""
                self._say(f"undoing step {step.number}: {each.ref.words} {each.state}{details}")
            words = f"undid {describe(step.plan)}"
            if scene is not None:
                scene.mark(f"chaos: {words}", began_at_ns, time.time_ns())
            self._teller.tell(telling.UNDONE, f"{self._experiment.name}: {words}")

    def _told(self, scene: Scene) -> str | None:
        if scene.heard.stop.is_set() and not self._is_over:
            self._outcome.is_interrupted = True
            return f"told to stop by {signal.Signals(scene.heard.number).name}"
        return "nothing can be recorded any more" if scene.journal.failed.is_set() else None

    def _end_load(self, scene: Scene) -> None:
        """End our own load test, and any when the run did not finish; a command that may go on goes on to its end."""
        if self._beside is not None:
            self._beside.stop()
        if not self._experiment.load.command or self._outcome.state != FINISHED:
            scene.heard.number = signal.SIGTERM
            scene.heard.stop.set()

    def _unsteady(self, watchman: Watchman, scene: Scene) -> list[str]:
        steady, load = self._experiment.steady, self._experiment.load
        is_sending = load.probe is not None or not scene.load_ended.is_set()
        window = watchman.window(steady.for_s) if load.is_seen and is_sending else None
        return unsteady(steady, window, read_workload(self._cluster, self._workload.ref).ready)

    # Around it

    def _finish(self) -> None:
        """Undo what is left, now with patience, and close the journal when nothing is."""
        outcome = self._outcome
        if self._begun.is_set():
            self._acted.wait(_ACTOR_ENDS_WITHIN_S)
        self._undo(None, is_all=outcome.state != FINISHED, patience_s=_PATIENCE_S)
        outcome.ended_at_ns = time.time_ns()
        if left := read_journal(self._journal.path).to_undo:
            self._say(f"{len(left)} steps are not undone: zdtrace chaos undo {self._journal.path}")
            return
        outcome.is_undone = True
        with contextlib.suppress(JournalError):
            self._journal.close(FINISHED if outcome.state == FINISHED else f"{outcome.state}: {outcome.reason}")
        if outcome.state == FINISHED:
            self._teller.tell(telling.FINISHED, f"{outcome.experiment} ({outcome.id}) is finished and undone")

    def _fail(self, error: Exception) -> None:
        if self._outcome.state != FAILED or not self._outcome.reason:
            self._outcome.state = FAILED
            self._outcome.exit_code = getattr(error, "exit_code", 1)
            self._outcome.reason = error.message if isinstance(error, ZdtraceError) else str(error)
            self._say(f"stopped: {self._outcome.reason}")
