"""What a proof does to a workload: restarts, changes, and putting it back. Each change is journalled before it is made.

A restart sets one annotation of the pod template to `a` and `b` in turn. So a proof of any length makes two versions of
the template and not one for each rollout, which would push the workload's own out of its history; and one step of the
journal, whatever the number of rollouts, is enough to undo it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zdtrace.chaos.cluster import STRATEGIC, Cluster, Edit, Found, Ref, Restored, ref_of
from zdtrace.chaos.edits import MISSING, Change, changes_between, lookup, reversal
from zdtrace.chaos.journal import ActionJournal, Plan
from zdtrace.chaos.undoing import PATIENCE_S, restore_patiently
from zdtrace.chaos.workloads import Workload, pods_of, read_workload, wait_rolled_out
from zdtrace.errors import ClusterError, UsageError
from zdtrace.proving.treatment import Treatment

ACTION = "prove"
TURN = "zdtrace.io/proof"
"""The annotation of the pod template that is changed to restart it."""
_ANNOTATIONS = ("spec", "template", "metadata", "annotations")
_AT = (*_ANNOTATIONS, TURN)
_FIRST, _SECOND = "a", "b"
_LOOK_EVERY_S = 0.5
GONE_WITHIN_S = 900.0
Wait = Callable[[float], object]


@dataclass(slots=True)
class Hands:
    """Holds one workload. `wait` sleeps, or raises when it is to stop."""

    cluster: Cluster
    ref: Ref
    journal: ActionJournal
    wait: Wait = time.sleep
    _steps: list[tuple[int, Edit]] = field(default_factory=list)
    _restarts: int = 0

    def restart(self) -> None:
        """Make the pod template another one: that begins a rollout."""
        now = lookup(self.cluster.get(self.ref), _AT)
        if not self._restarts and now is not MISSING:
            raise ClusterError(
                f"{self.ref.words} carries the mark of a proof that was cut off",
                hint="`zdtrace chaos undo JOURNAL` puts it back; its journal is in the proof's folder",
            )
        if self._restarts == 0:
            patch = {"spec": {"template": {"metadata": {"annotations": {TURN: _FIRST}}}}}
            self._make(self.cluster.prepare(self.ref, patch, STRATEGIC), ("the template is marked: a rollout",))
        elif self._restarts == 1:
            turn = Edit(self._own_ref(), (Change(_AT, _FIRST, _SECOND),))
            self._make(turn, ("the mark changes to and fro: a rollout each time",))
        else:
            old, new = (_FIRST, _SECOND) if now == _FIRST else (_SECOND, _FIRST)
            self.journal.did(self._steps[1][0], f"restart {self._restarts + 1}: {old} -> {new}")
            self.cluster.apply(Edit(self._own_ref(), (Change(_AT, old, new),)))
        self._restarts += 1

    def apply(self, treatment: Treatment) -> tuple[str, ...]:
        """Change the workload and wait until all its pods are new; returns the changes in words."""
        edit = self.cluster.prepare(self.ref, dict(treatment.patch), STRATEGIC)
        if not edit.changes:
            raise ClusterError(
                f"{self.ref.words} says all of that already, or the API server takes nothing of it",
                hint="`zdtrace recommend` on the recordings of the proof shows the patch",
            )
        before = self.pod_uids()
        self._make(edit, edit.words)
        self.settle(before)
        return edit.words

    def settle(self, before: frozenset[str], *, within_s: float = GONE_WITHIN_S) -> None:
        """Wait until the workload is rolled out and none of the pods that were there before is left."""
        wait_rolled_out(self.cluster, self.ref, wait=self.wait)
        deadline = time.monotonic() + within_s
        while left := before & self.pod_uids():
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"{len(left)} old pods of {self.ref.words} are still ending after {within_s:g} s",
                    hint="`kubectl get pods` shows them; is a grace period that long, or a finalizer in the way?",
                )
            self.wait(_LOOK_EVERY_S)

    def pod_uids(self) -> frozenset[str]:
        """Return the workload's pods, those that are ending among them."""
        return frozenset(str(each["metadata"]["uid"]) for each in pods_of(self.cluster, self.workload()))

    def workload(self) -> Workload:
        """Return the workload as it is now."""
        return read_workload(self.cluster, self.ref)

    def check_still_ours(self) -> None:
        """Raise ClusterError when somebody took back what we changed: a rollout would prove nothing then."""
        _, theirs = squashed(self.cluster.get(self.ref), [edit for _, edit in self._steps])
        if theirs:
            raise ClusterError(
                f"somebody changed {self.ref.words} meanwhile: {'; '.join(each.words for each in theirs[:3])}",
                hint="does Argo CD, Flux or Helm keep it as it is? Suspend that while it is proven, or use --in-copy",
            )

    @property
    def is_changed(self) -> bool:
        """Whether anything is left to be put back."""
        return bool(self._steps)

    def restore(self, say: Callable[[str], None], *, keeps_changes: bool = False) -> Restored:
        """Put the workload back in one go, with patience for an API server that does not answer.

        With `keeps_changes` only the mark of restarts is taken away. What somebody else has set since stays.
        """
        steps = [step for step in self._steps if not keeps_changes or any(map(_is_turn, step[1].changes))]
        now = self._found_patiently(say)
        if now is None:
            done = Restored(self.ref, "gone")
        else:
            edit, theirs = squashed(now, [edit for _, edit in steps])
            plan = Plan(action=ACTION, edits=(replace(edit, ref=self._steps[0][1].ref),))
            (done,) = restore_patiently(self.cluster, plan, say)
            if theirs:
                done = Restored(self.ref, "overwritten", tuple(each.words for each in theirs))
        if done.is_good:
            for number, _ in reversed(self._steps):
                is_back = any(number == each for each, _ in steps)
                self.journal.undone(number, done.state if is_back else "kept", done.details if is_back else ())
            self._steps.clear()
        return done

    def forget(self) -> None:
        """Write down that nothing is left to be put back: the workload itself is removed."""
        for number, _ in reversed(self._steps):
            self.journal.undone(number, "removed with the copy")
        self._steps.clear()

    def _found_patiently(self, say: Callable[[str], None]) -> Found | None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.cluster.find(self.ref)
            except ClusterError as error:
                if time.monotonic() > deadline:
                    raise
                say(f"not put back yet: {error.message}; trying again")
                time.sleep(_LOOK_EVERY_S)

    def _make(self, edit: Edit, impact: tuple[str, ...]) -> None:
        number = self.journal.begin(Plan(action=ACTION, edits=(edit,), impact=impact))
        self._steps.append((number, edit))
        self.cluster.apply(edit)
        self.journal.end(number)

    def _own_ref(self) -> Ref:
        return self._steps[0][1].ref


def squashed(now: Found, edits: Iterable[Edit]) -> tuple[Edit, tuple[Change, ...]]:
    """Return one edit for several in a row of an object that is now so, and what of them somebody has overwritten.

    Taking it back takes back all of them.
    """
    before = copy.deepcopy(now)
    theirs: list[Change] = []
    for edit in reversed(tuple(edits)):
        back, overwritten = reversal(before, edit.changes)
        theirs += overwritten
        for change in back:
            put(before, change.path, change.after)
    return Edit(ref_of(now, str(now.get("kind") or "Deployment")), changes_between(before, now)), tuple(theirs)


def put(found: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Set a field of an object, or take it out (MISSING). Its parents are there."""
    *parents, last = path
    parent = lookup(found, parents)
    if value is MISSING:
        del parent[last]
    else:
        parent[last] = copy.deepcopy(value)


def _is_turn(change: Change) -> bool:
    inside = isinstance(change.after, Mapping) and TURN in change.after
    return change.path[-1] == TURN or inside


def check_may_be_restarted(workload: Workload) -> None:
    """Raise UsageError for a workload that a change of its template would not roll out."""
    words = workload.ref.words
    strategy = workload.spec.get("strategy") or workload.spec.get("updateStrategy") or {}
    if workload.spec.get("paused"):
        raise UsageError(f"{words} is paused: nothing rolls out", hint=f"kubectl rollout resume {words}")
    if strategy.get("type") == "OnDelete":
        raise UsageError(f"{words} has update strategy OnDelete: nothing rolls out", hint="set RollingUpdate")
    if (strategy.get("rollingUpdate") or {}).get("partition"):
        raise UsageError(f"{words} has a partition: only some pods roll out", hint="set partition to 0")
    if not workload.wanted:
        raise UsageError(f"{words} wants no pods: nothing would be lost", hint=f"kubectl scale {words} --replicas=3")
    why = workload.why_not_rolled_out()
    if why is not None:
        raise UsageError(f"{words} is being rolled out: {why}", hint=f"kubectl rollout status {words}")

