"""Undoing what a journal says was done, also after its writer was killed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from zdtrace.chaos.actions import ACTIONS
from zdtrace.chaos.cluster import Cluster, Ref, Restored
from zdtrace.chaos.journal import (
    ActionJournal,
    Header,
    JournalError,
    Plan,
    Step,
    is_running,
    journals,
    read_journal,
)
from zdtrace.chaos.lease import inherited
from zdtrace.chaos.restoring import restore
from zdtrace.collectors.api import Api
from zdtrace.errors import NoAnswer

PATIENCE_S = 300.0
_LEFT_PATIENCE_S = 60.0
_AGAIN_AFTER_S = 1.0
Say = Callable[[str], None]


def restore_patiently(
    cluster: Cluster, plan: Plan, say: Say, *, patience_s: float = PATIENCE_S,
    sleep: Callable[[float], object] = time.sleep,
) -> tuple[Restored, ...]:
    """Take back what a plan did, as its action does; while the API server does not answer, again for `patience_s`.

    Raises ClusterError when it never answered, or says no.
    """
    action = ACTIONS.get(plan.action)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return action.undo(cluster, plan) if action else restore(cluster, plan)
        except NoAnswer as error:
            if time.monotonic() > deadline:
                raise
            say(f"not undone yet: {error.message}; trying again")
            sleep(_AGAIN_AFTER_S)


def undo(
    path: Path, cluster: Cluster, say: Say, *, is_forced: bool = False, patience_s: float = PATIENCE_S,
    hold: Callable[[Header], contextlib.AbstractContextManager[object]] = lambda _: contextlib.nullcontext(),
) -> tuple[Restored, ...]:
    """Undo all that a journal says was done and not undone, and close it. Returns what became of each object.

    `hold` is entered when the experiment is known to run no more: what it gave away before would stop one that runs.
    Nothing is closed while something is overwritten: it can be looked at, and undone by force.
    Raises JournalError when the experiment still runs, when it was made on another cluster, or when there is no such
    journal; ClusterError when the cluster does not answer.
    """
    with ActionJournal(path, None) as journal:
        story = read_journal(path)
        if story.header.server != cluster.api.server:
            raise JournalError(
                f"`{path}` tells of {story.header.server}, and this is {cluster.api.server}",
                hint="name that cluster with --context or --kubeconfig",
            )
        every: list[Restored] = []
        with hold(story.header):
            for step in story.to_undo:
                every += undo_step(journal, step, cluster, say, is_forced=is_forced, patience_s=patience_s)
        if not story.is_whole and all(each.is_good for each in every):
            journal.close("undone")
    return tuple(every)


def undo_left(folder: Path, target: Ref, api: Api, say: Say) -> bool:
    """Undo runs of a folder that were killed before they could, on this workload of this cluster; was there any?

    Else the next run would take what they left for what was there. What somebody has changed since is theirs and
    stays. Raises Refused where somebody experiments with it, ClusterError when the cluster does not answer.
    """
    found = [path for path in journals(folder) if not is_running(path) and _is_left(path, target, api.server)]
    for path in found:
        say(f"a run before this one ended before it could undo; undoing {path}")
        done = undo(
            path, Cluster(api), say, patience_s=_LEFT_PATIENCE_S,
            hold=lambda header: inherited(api, header.target, header.lease),
        )
        for each in done:
            if not each.is_good:
                say(f"{each.ref.words} was changed by somebody else since, and is left so: {'; '.join(each.details)}")
    return bool(found)


def _is_left(path: Path, target: Ref, server: str) -> bool:
    try:
        story = read_journal(path)
    except JournalError:
        return False
    theirs = story.header.target
    is_ours = (theirs.kind, theirs.namespace, theirs.name) == (target.kind, target.namespace, target.name)
    return is_ours and story.header.server == server and bool(story.to_undo)


def undo_step(
    journal: ActionJournal, step: Step, cluster: Cluster, say: Say, *, is_forced: bool = False,
    patience_s: float = PATIENCE_S,
) -> tuple[Restored, ...]:
    """Undo one step, and write down what became of it when it is as it was. Raises ClusterError."""
    done = (
        restore(cluster, step.plan, is_forced=True) if is_forced
        else restore_patiently(cluster, step.plan, say, patience_s=patience_s)
    )
    if all(each.is_good for each in done):
        states = sorted({each.state for each in done})
        # A disk that is full must not keep anybody from undoing the rest.
        with contextlib.suppress(JournalError):
            journal.undone(step.number, ", ".join(states), tuple(words for each in done for words in each.details))
    return done
