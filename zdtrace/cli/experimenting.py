"""What the commands of `zdtrace chaos` do, put together from the layers below."""

from __future__ import annotations

import random
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from zdtrace.chaos.cluster import Cluster
from zdtrace.chaos.experiment import Experiment, read_experiment
from zdtrace.chaos.guards import Refused
from zdtrace.chaos.journal import JournalError, Plan, is_running, journals, read_journal
from zdtrace.chaos.judging import Judged, forget, judge, read_runs
from zdtrace.chaos.lease import inherited
from zdtrace.chaos.outcomes import describe
from zdtrace.chaos.posting import post
from zdtrace.chaos.running import dry_run, run
from zdtrace.chaos.scenes import utc
from zdtrace.chaos.schedule import Schedule, next_moment
from zdtrace.chaos.undoing import undo
from zdtrace.cli.analyzing import columns
from zdtrace.cli.console import say, say_error
from zdtrace.collectors.api import Access, Api, connect
from zdtrace.errors import NoAnswer, ZdtraceError
from zdtrace.reporting import structured
from zdtrace.reporting.layout import Column, Style, grid, wrapped

Given = TypeVar("Given")
_INTERRUPTED = 130
_AGAIN_AFTER_S = 1.0
_WORST_LAST = (0, 3, 2, 1, 4)


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of a run's end: a file for Prometheus, a webhook."""

    textfile: Path | None
    webhook: str | None


@contextmanager
def _connected(access: Access) -> Iterator[Api]:
    api = connect(access)
    try:
        yield api
    finally:
        api.close()


def _patiently(do: Callable[[], Given], patience_s: float) -> Given:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return do()
        except NoAnswer as error:
            if time.monotonic() > deadline:
                raise
            say(f"{error.message}; trying again")
            time.sleep(_AGAIN_AFTER_S)


def _chance(seed: int | None) -> random.Random:
    return random.Random(seed)  # noqa: S311 - chooses pods, and keeps no secret


def show_plan(file: Path, access: Access, namespace: str | None, seed: int | None, output: str) -> bool:
    """Write what an experiment would do to stdout; returns whether it may."""
    with _connected(access) as api:
        experiment = read_experiment(file, namespace=namespace or api.namespace)
        plans = dry_run(experiment, api, _chance(seed))
    if output == "table":
        sys.stdout.write(_plan_text(experiment, plans))
    else:
        found = {
            "experiment": experiment.name, "target": experiment.target.as_json(),
            "steps": [{**plan.as_json(), "refused": reasons} for plan, reasons in plans],
        }
        sys.stdout.write(structured.as_json(found) if output == "json" else structured.as_yaml(found))
    return not any(reasons for _, reasons in plans)


def _plan_text(experiment: Experiment, plans: list[tuple[Plan, list[str]]]) -> str:
    width = columns()
    times = f", {experiment.repeat} times" if experiment.repeat > 1 else ""
    lines = wrapped(f"{experiment.name}: {experiment.target.words} in {experiment.target.namespace}{times}", width)
    for number, (plan, reasons) in enumerate(plans, 1):
        lines += ["", f"step {number}: {plan.action}"]
        lines += [f"  ends    {each.words}" for each in plan.victims]
        lines += [f"  changes {words}" for edit in plan.edits for words in edit.words]
        for label, every in (("expect ", plan.impact), ("REFUSED", reasons)):
            for each in every:
                first, *others = wrapped(each, width - 10) or [""]
                lines += [f"  {label} {first}", *(f"          {other}" for other in others)]
    return "\n".join(lines) + "\n"


def run_all(
    file: Path, access: Access, namespace: str | None, seed: int | None, folder: Path | None,
    schedule: Schedule | None, told: Told,
) -> int:
    """Run an experiment, once or on a schedule; returns the exit code of the worst run."""
    if schedule is None:
        return _run_once(file, access, namespace, seed, folder, told)
    from zdtrace.sessions.session import signals

    chance, codes = _chance(seed), [0]
    moments = schedule.moments(utc(), chance)
    while (moment := next_moment(moments, utc())) is not None:
        say(f"next run at {moment.isoformat(timespec='seconds')}")
        with signals() as heard:
            if heard.stop.wait(_seconds_to(moment)):
                return _INTERRUPTED
        try:
            codes.append(_run_once(file, access, namespace, chance.randrange(1 << 30), folder, told))
        except ZdtraceError as error:
            # Quiet hours, a cluster that is away: the next run may go.
            say_error(error.message, error.hint)
            codes.append(0 if isinstance(error, Refused) else error.exit_code)
        if codes[-1] == _INTERRUPTED:
            return _INTERRUPTED
    return max(codes, key=lambda code: _WORST_LAST.index(code) if code in _WORST_LAST else len(_WORST_LAST))


def _seconds_to(moment: datetime) -> float:
    return max(0.0, (moment - utc()).total_seconds())


def _run_once(
    file: Path, access: Access, namespace: str | None, seed: int | None, folder: Path | None, told: Told
) -> int:
    from zdtrace.sessions.session import signals

    with _connected(access) as api:
        experiment = read_experiment(file, namespace=namespace or api.namespace)
        home = folder or experiment.report.folder
        with signals() as heard:
            outcome = run(experiment, api, home, heard=heard, say=say, chance=_chance(seed))
    judged = judge(experiment, outcome)
    _write_pages(experiment, judged, home)
    _tell(judged, told)
    if experiment.report.keep is not None:
        forget(home, experiment.name, experiment.report.keep)
    say(f"{experiment.name}: {judged.verdict.upper()}: {judged.sentence}")
    if judged.broken:
        say(f"over the limit of {', '.join(judged.broken)}")
    sys.stdout.write(structured.as_json(judged.as_json()))
    return judged.exit_code


def _write_pages(experiment: Experiment, judged: Judged, home: Path) -> None:
    """Write the page of the run, and the history of the last ones."""
    from zdtrace.analysis.findings import find
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting.documents import history_page
    from zdtrace.reporting.files import write_text
    from zdtrace.reporting.html import as_html
    from zdtrace.reporting.language import language

    if judged.findings is None:
        return
    words, name = language("en"), judged.outcome.id
    page = home / f"{name}.html"
    command = shlex.join(["zdtrace", "report", str(judged.outcome.recording), "-o", str(page)])
    write_text(page, as_html(judged.findings, words, command=command), force=True)
    say(f"{page} written")
    if not experiment.report.history:
        return
    earlier = [str(each["id"]) for each in read_runs(home) if each.get("experiment") == experiment.name]
    runs = [(judged.findings, page.name)]
    for each in [one for one in earlier if one != name][-(experiment.report.history - 1):]:
        recording = home / f"{each}.zdtrace"
        if recording.parent == home and recording.is_dir():
            try:
                runs.append((find(open_recording(recording)), f"{each}.html"))
            except ZdtraceError as error:
                say(f"`{recording}` is left out of the history: {error.message}")
    history = home / f"{experiment.name}-history.html"
    write_text(history, history_page(runs, home.name, words), force=True)
    say(f"{history} written")


def _tell(judged: Judged, told: Told) -> None:
    from zdtrace.reporting.chat import as_message
    from zdtrace.reporting.files import write_text
    from zdtrace.reporting.metrics import as_textfile

    if told.textfile is not None:
        write_text(told.textfile, as_textfile(judged), force=True)
    if told.webhook and judged.has_changed and (wrong := post(told.webhook, as_message(judged))):
        say(wrong)


def undo_from(path: Path, access: Access, *, is_forced: bool, is_dry: bool, patience_s: float) -> bool:
    """Undo from a journal; returns whether everything is as before.

    While the API server does not answer, it is asked again for `patience_s`: whatever ended the experiment may have
    ended that for a while too.
    """
    story = read_journal(path)
    if is_dry:
        for step in story.to_undo:
            say(f"step {step.number}: {describe(step.plan)}")
        say(f"{len(story.to_undo)} steps are left to undo")
        return not story.to_undo
    with closing(_patiently(lambda: connect(access), patience_s)) as api:
        restored = undo(
            path, Cluster(api), say, is_forced=is_forced, patience_s=patience_s,
            hold=lambda header: inherited(
                api, header.target, header.lease, lambda lease: _patiently(lease.take, patience_s)
            ),
        )
    for each in restored:
        details = f": {'; '.join(each.details)}" if each.details else ""
        say(f"{each.ref.words} {each.state}{details}")
    if not restored:
        say("nothing is left to undo")
    is_good = all(each.is_good for each in restored)
    if not is_good:
        say_error("somebody else has changed something since: it was left alone", "--force puts it back all the same")
    return is_good


def list_runs(folder: Path, output: str, *, is_colored: bool) -> bool:
    """Write the runs of a folder to stdout; returns whether nothing is left to undo."""
    verdicts = {str(each["id"]): each for each in read_runs(folder)}
    found: list[dict[str, Any]] = []
    for path in journals(folder):
        try:
            story = read_journal(path)
        except JournalError as error:
            say(f"{path.name}: {error.message}")
            continue
        runs, left = is_running(path), len(story.to_undo)
        state = "running" if runs else story.closed.partition(":")[0] or "cut off"
        line = verdicts.get(story.header.id, {})
        found.append({
            "id": story.header.id, "experiment": story.header.experiment, "target": story.header.target.words,
            "namespace": story.header.target.namespace, "began_at": story.began_at, "state": state,
            "steps": len(story.steps), "to_undo": 0 if runs else left, "verdict": line.get("verdict"),
            "failed": line.get("failed"), "requests": line.get("requests"), "journal": str(path),
        })
    if output == "table":
        sys.stdout.write(_runs_text(found, is_colored=is_colored))
    else:
        sys.stdout.write(structured.as_json(found) if output == "json" else structured.as_yaml(found))
    unfinished = [each for each in found if each["to_undo"]]
    for each in unfinished:
        say(f"not undone: zdtrace chaos undo {shlex.quote(each['journal'])}")
    return not unfinished


def _runs_text(found: list[dict[str, Any]], *, is_colored: bool) -> str:
    if not found:
        return "no runs\n"
    heads = [
        Column("BEGAN"), Column("EXPERIMENT"), Column("TARGET"), Column("STATE"), Column("VERDICT"),
        Column("FAILED", is_number=True), Column("SENT", is_number=True), Column("TO UNDO", is_number=True),
    ]
    rows = [
        [
            str(each["began_at"])[:19], each["experiment"], f"{each['namespace']}/{each['target']}", each["state"],
            each["verdict"] or "-", _number(each["failed"]), _number(each["requests"]), str(each["to_undo"]),
        ]
        for each in found
    ]
    return grid(heads, rows, width=columns(), style=Style(is_colored))


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "-"
