"""A whole proof: look, plan, go through the loop, put the workload back, and say what was shown."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from zdtrace.analysis.comparison import Comparison, compare
from zdtrace.analysis.diagnosis import diagnose
from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.guards import CONTROLLERS, DISABLED, LABEL, SYSTEM
from zdtrace.chaos.journal import ActionJournal, Header, new_id
from zdtrace.chaos.lease import RENEW_EVERY_S, Lease
from zdtrace.chaos.workloads import Workload, read_workload, wait_rolled_out
from zdtrace.collectors.api import Api, ApiFailure
from zdtrace.collectors.recorder import Ingress, Wanted
from zdtrace.errors import UsageError, ZdtraceError
from zdtrace.proving.bench import ClusterBench, Interrupted
from zdtrace.proving.claims import Aim, Plan, fitted, plan
from zdtrace.proving.copying import Copied, aimed, plan_copy
from zdtrace.proving.hands import Hands, check_may_be_restarted
from zdtrace.proving.loads import duration_s
from zdtrace.proving.procedure import Campaign, Course
from zdtrace.proving.proof import Outcome, Proof, Trial
from zdtrace.proving.treatment import Treatment
from zdtrace.sessions.session import Heard, signals

JOURNAL = "proof.journal"
_AROUND_S = 8.0
"""What a recording takes beside its load: to begin to listen, to listen on, to be taken in. Measured in the end."""
_TAKEN_IN_S = 8.0
_SETTLE_S = 60.0
"""What a change and putting it back take at about, before it is known."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be proven, of what, and how."""

    ref: Ref
    command: tuple[str, ...]
    folder: Path
    aim: Aim
    baseline: int = 3
    budget_s: float | None = None
    ingresses: tuple[Ingress, ...] = ()
    requests: Path | None = None
    lead_s: float = 5.0
    after_s: float = 3.0
    keeps: bool = False
    native_sleep: bool | None = None
    logs: tuple[Path, ...] = ()
    in_copy: bool = False
    copy_host: str | None = None
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A proof that may begin: the workload as it is now, and what is planned."""

    wish: Wish
    workload: Workload
    plan: Plan


def prepare(cluster: Cluster, wish: Wish) -> Prepared:
    """Look at the workload and plan. Changes nothing. Raises UsageError, ClusterError."""
    if wish.ref.namespace in (*SYSTEM, *CONTROLLERS):
        raise UsageError(
            f"nothing is restarted in {wish.ref.namespace}: others depend on it", hint="name a workload of your own"
        )
    if any(each.namespace == wish.ref.namespace and each.selector is None for each in wish.ingresses):
        raise UsageError(
            f"{wish.ref.namespace} is where the ingress controller runs: what it proves would be about itself",
            hint="name the controller's pods with --ingress NS/SELECTOR if the workload is another one",
        )
    workload = read_workload(cluster, wish.ref)
    if workload.labels.get(LABEL) == DISABLED:
        raise UsageError(f"{wish.ref.words} says {LABEL}={DISABLED}", hint="its owners want it left alone: ask them")
    check_may_be_restarted(workload)
    load_s = duration_s(wish.command)
    each_s = None if load_s is None else load_s + wish.after_s + _AROUND_S
    if wish.budget_s is None or each_s is None:
        found = plan(wish.aim, baseline=wish.baseline, each_s=each_s, settle_s=_SETTLE_S)
    else:
        found = fitted(wish.aim, wish.budget_s, baseline=wish.baseline, each_s=each_s, settle_s=_SETTLE_S)
    return Prepared(wish, workload, found)


def run(
    api: Api, prepared: Prepared, *, confirm: Callable[[Treatment], bool], say: Say,
) -> Proof:
    """Go through it. The workload is put back whatever happens, unless it is to be kept and the claim is proven.

    Raises ClusterError and RecordingError, when it is put back; what is recorded by then stays in the folder.
    """
    wish = prepared.wish
    began_at, began = datetime.now(UTC), time.monotonic()
    course = Course(prepared.plan)
    with signals() as heard, _alone(api, prepared, heard, say) as holder, _journal(api, prepared, holder) as journal:
        bench = _bench(api, prepared, journal, heard, say, began)
        campaign = Campaign(bench, prepared.plan, confirm, say, wish.budget_s)
        copied = Copied(Cluster(api), journal, holder) if wish.in_copy else None
        try:
            with contextlib.suppress(Interrupted):
                if copied is not None:
                    _use_copy(copied, bench, prepared, say)
                campaign.run(course)
        finally:
            # Whatever ended it: a second Ctrl-C does not end this.
            if copied is not None:
                bench.hands.forget()
                restored = copied.remove(say)
            else:
                restored = _put_back(bench.hands, journal, course, keeps=wish.keeps, say=say)
    rows = tuple(replace(row, treatment=row.treatment.named(prepared.workload.ref.name)) for row in course.rows)
    ref = prepared.workload.ref
    return Proof(
        workload=f"{ref.namespace}/{ref.kind}/{ref.name}", outcome=course.outcome, plan=course.plan,
        baseline=tuple(course.baseline), rows=rows, recommendation=course.recommendation,
        comparison=_compared(bench, course),
        reasons=course.reasons, load=wish.command, started_at=began_at.isoformat(timespec="seconds"),
        took_s=round(time.monotonic() - began, 1), restored=restored,
    )


def _use_copy(copied: Copied, bench: ClusterBench, prepared: Prepared, say: Say) -> None:
    """Make a copy, wait until it serves, and let the bench use it instead of the workload."""
    wish, ref = prepared.wish, prepared.workload.ref
    found = plan_copy(copied.cluster, prepared.workload, copied.mark, host=wish.copy_host)
    aimed(wish.command, (*found.names, *((address, address + "?") for address in found.addresses)))
    say(f"copying {ref.words}: {', '.join(each.words for each in found.refs)}")
    pairs = copied.make(found)
    bench.command = aimed(wish.command, pairs)
    bench.hands.ref = found.refs[0]
    workload = wait_rolled_out(copied.cluster, found.refs[0], wait=bench.wait)
    bench.hands.ref = workload.ref
    bench.wanted = replace(bench.wanted, selector=selector_of(workload))
    bench.wait(_TAKEN_IN_S)  # an ingress takes a new route in when it likes


def _bench(
    api: Api, prepared: Prepared, journal: ActionJournal, heard: Heard, say: Say, began: float
) -> ClusterBench:
    wish = prepared.wish
    wanted = Wanted(
        namespace=wish.ref.namespace, selector=selector_of(prepared.workload), ingresses=wish.ingresses,
    )
    bench = ClusterBench(
        hands=Hands(Cluster(api), prepared.workload.ref, journal), wanted=wanted, command=wish.command,
        requests=wish.requests, folder=wish.folder, heard=heard, say=say, lead_s=wish.lead_s, after_s=wish.after_s,
        deadline=None if wish.budget_s is None else began + wish.budget_s, settings=dict(wish.settings),
        native_sleep=wish.native_sleep, logs=wish.logs,
    )
    bench.hands.wait = bench.wait
    return bench


@contextlib.contextmanager
def _alone(api: Api, prepared: Prepared, heard: Heard, say: Say) -> Iterator[str]:
    """Hold the workload's lease, so that nobody else experiments with it meanwhile; gives its holder's name.

    Who loses it stops. Raises Refused when somebody else has it.
    """
    lease = Lease(api, prepared.workload.ref)
    lease.take()
    done = threading.Event()

    def renew() -> None:
        while not done.wait(RENEW_EVERY_S):
            try:
                is_held = lease.renew()
            except ApiFailure:
                continue  # asked again; whoever writes learns of it, too
            if not is_held:
                say(f"somebody else has taken the lease {lease.name}: stopping")
                heard.stop.set()
                return

    keeper = threading.Thread(target=renew, name="lease", daemon=True)
    keeper.start()
    try:
        yield lease.holder
    finally:
        done.set()
        keeper.join(RENEW_EVERY_S)
        lease.release()


@contextlib.contextmanager
def _journal(api: Api, prepared: Prepared, holder: str) -> Iterator[ActionJournal]:
    wish = prepared.wish
    try:
        wish.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZdtraceError(f"`{wish.folder}` cannot be made: {error.strerror}") from error
    header = Header(
        id=new_id("prove"), experiment=f"prove {wish.ref.words}", target=prepared.workload.ref, server=api.server,
        lease=holder,
    )
    with ActionJournal(wish.folder / JOURNAL, header) as journal:
        yield journal


def _put_back(hands: Hands, journal: ActionJournal, course: Course, *, keeps: bool, say: Say) -> str:
    """Return how the workload was left."""
    if not hands.is_changed:
        journal.close()
        return "nothing was changed"
    keeps = keeps and course.outcome is Outcome.PROVEN
    hands.wait = time.sleep
    say("taking the mark of restarts away" if keeps else "putting the workload back")
    done = hands.restore(say, keeps_changes=keeps)
    if not done.is_good:
        say(f"{hands.ref.words} is not as it was: {'; '.join(done.details)}")
        say(f"somebody else has changed it; `zdtrace chaos undo {journal.path} --force` overrules that")
        return f"not put back: somebody else changed {'; '.join(done.details)}"
    journal.close()
    if done.state == "gone":
        return "the workload is gone"
    return "the change is kept, the mark of restarts is taken away" if keeps else "the workload is as it was before"


def _compared(bench: ClusterBench, course: Course) -> Comparison | None:
    """Set the rollouts of the workload as it was beside those with the last change; null when there are not both."""
    after: Sequence[Trial] = course.rows[-1].trials if course.rows and not course.rows[-1].treatment.is_empty else ()
    if not course.baseline or not after:
        return None
    sides = [[diagnose(each, bench.settings) for each in bench.recordings(side)] for side in (course.baseline, after)]
    return compare(*sides)


def selector_of(workload: Workload) -> str:
    """Return a workload's own selector as kubectl writes it."""
    found = workload.spec.get("selector") or {}
    terms = [f"{key}={value}" for key, value in (found.get("matchLabels") or {}).items()]
    for each in found.get("matchExpressions") or ():
        values = ",".join(each.get("values") or ())
        terms.append({
            "In": f"{each['key']} in ({values})", "NotIn": f"{each['key']} notin ({values})", "Exists": each["key"],
            "DoesNotExist": f"!{each['key']}",
        }[each["operator"]])
    return ",".join(terms)

