"""`zdtrace prove`: record, recommend, apply, and record again until the claim holds."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.analyzing import FAILURES, INCONCLUSIVE, SetOption, chosen, columns
from zdtrace.cli.console import say, uses_color
from zdtrace.cli.errors import INTERRUPTED
from zdtrace.cli.recording import access_of
from zdtrace.errors import UsageError
from zdtrace.spans import span_s

if TYPE_CHECKING:
    from zdtrace.collectors.api import Api
    from zdtrace.proving.proof import Proof, Trial
    from zdtrace.proving.run import Prepared, Wish
    from zdtrace.proving.treatment import Treatment

PAGE, DATA = "proof.html", "proof.json"


class Output(StrEnum):
    """How the proof is written to stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def prove(
    workload: Annotated[str, typer.Argument(
        metavar="KIND/NAME", show_default=False, help="Workload, as deployment/demo.",
    )],
    command: Annotated[list[str] | None, typer.Argument(
        metavar="-- LOAD…", show_default=False, help="Load test to run during each rollout.",
    )] = None,
    namespace: Annotated[str | None, typer.Option(
        "--namespace", "-n", metavar="NS", help="Its namespace; the context's when not said.",
    )] = None,
    ingress: Annotated[list[str] | None, typer.Option(
        metavar="NS[/SELECTOR]", help="Where an ingress controller runs: its logs are followed. May be repeated.",
    )] = None,
    into: Annotated[Path | None, typer.Option(
        metavar="DIR", show_default=False, help="Folder for recordings, journal and page; named by workload and time.",
    )] = None,
    claim: Annotated[float, typer.Option(
        min=0.1, max=0.999, help="Share of rollouts that is to lose nothing.",
    )] = 0.9,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="How sure the claim is to be.")] = 0.95,
    budget: Annotated[str | None, typer.Option(
        metavar="TIME", show_default=False, help="Time for all of it, as 30m: a claim that takes longer is lowered.",
    )] = None,
    baseline: Annotated[int, typer.Option(min=1, help="Rollouts of the workload as it is, before any change.")] = 3,
    revisions: Annotated[int, typer.Option(
        min=0, max=5, help="How often a change that still lost something may be revised.",
    )] = 2,
    before: Annotated[str, typer.Option(metavar="TIME", help="How long the load runs before each restart.")] = "5s",
    after: Annotated[str, typer.Option(metavar="TIME", help="How long to listen on when the load has ended.")] = "3s",
    requests: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Per-request log that the load test writes by itself.",
    )] = None,
    log: Annotated[list[Path] | None, typer.Option(
        metavar="FILE", help="Log that another program writes meanwhile, as kube-proxy's: taken in. May be repeated.",
    )] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Restart and change the workload without asking.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the change in place when it is proven.")] = False,
    in_copy: Annotated[bool, typer.Option(
        "--in-copy", help="Leave the workload alone: prove a copy with its own Services and host at the ingress.",
    )] = False,
    copy_host: Annotated[str | None, typer.Option(
        metavar="HOST", show_default=False, help="The copy's host at the ingress; zdtrace-copy. before its own.",
    )] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many rollouts and how long, and end.")] = False,
    native_sleep: Annotated[bool | None, typer.Option(
        "--native-sleep/--exec-sleep", show_default=False, help="As `zdtrace recommend` takes it.",
    )] = None,
    kubeconfig: Annotated[str | None, typer.Option(metavar="FILE", help="As kubectl's.")] = None,
    context: Annotated[str | None, typer.Option(metavar="NAME", help="As kubectl's.")] = None,
    as_: Annotated[str | None, typer.Option("--as", metavar="USER", help="As kubectl's.")] = None,
    request_timeout: Annotated[str, typer.Option(metavar="TIME", help="As kubectl's.")] = "30s",
    output: Annotated[Output, typer.Option("--output", "-o", help="How to write it.")] = Output.TABLE,
    settings: SetOption = None,
) -> None:
    """Prove that rollouts lose nothing, and find the settings that it takes.

    Rolls it out under load as it is, takes what `zdtrace recommend` says, shows the patch, applies it, and rolls out
    again until so many rollouts in a row lost nothing that the claim holds, or a loss says why it does not. Then the
    workload is put back, also on Ctrl-C or SIGTERM; after kill -9, `zdtrace chaos undo DIR/proof.journal` does it.

    Exit codes: 0 proven, 1 requests are lost and no change of the workload prevents it, 2 wrong use, 3 inconclusive,
    4 the API failed, 130 interrupted.

    Example: zdtrace prove deployment/demo --ingress ingress-nginx -- fortio load -qps 500 -t 60s http://example.com/
    """
    from zdtrace.chaos.cluster import Cluster
    from zdtrace.chaos.workloads import parse_workload
    from zdtrace.collectors.api import connect
    from zdtrace.collectors.recorder import Ingress
    from zdtrace.proving.claims import Aim
    from zdtrace.proving.run import Wish, prepare

    if not command:
        raise UsageError("no load test is named", hint="add `-- fortio load -qps 500 -t 60s URL`, or another one")
    if in_copy and keep:
        raise UsageError("--keep and --in-copy do not go together", hint="apply the patch of the proof yourself")
    ingresses = tuple(map(Ingress.parsed, ingress or ()))
    access = access_of(kubeconfig, context, as_, request_timeout)
    api = connect(access)
    try:
        ref = parse_workload(workload, namespace or api.namespace)
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        wish = Wish(
            ref=ref, command=tuple(command), folder=into or Path(f"prove-{ref.name}-{stamp}"),
            aim=Aim(claim=claim, confidence=confidence, revisions=revisions), baseline=baseline,
            budget_s=None if budget is None else span_s(budget, "--budget"), ingresses=ingresses, requests=requests,
            lead_s=span_s(before, "--before"), after_s=span_s(after, "--after"), keeps=keep,
            native_sleep=native_sleep, logs=tuple(log or ()), in_copy=in_copy, copy_host=copy_host,
            settings=tuple(chosen(settings).items()),
        )
        prepared = prepare(Cluster(api), wish)
        _show_plan(prepared)
        if dry_run:
            return
        _check_may_begin(prepared, is_agreed=yes)
        proof = _proven(api, prepared, is_agreed=yes)
    finally:
        api.close()
    proof = _written(proof, wish)
    sys.stdout.write(_shown(proof, output))
    _leave(proof)


def _show_plan(prepared: Prepared) -> None:
    from zdtrace.reporting.proof import plan_lines

    for line in plan_lines(prepared.plan, prepared.workload.ref.words, shlex.join(prepared.wish.command)):
        say(line)


def _check_may_begin(prepared: Prepared, *, is_agreed: bool) -> None:
    folder = prepared.wish.folder
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"`{folder}` is not empty", hint="name another folder with --into DIR")
    if not is_agreed and not _asks(f"Restart {prepared.workload.ref.words} that often?"):
        raise UsageError("nothing was done", hint="add --yes to restart and to change the workload without being asked")


def _proven(api: Api, prepared: Prepared, *, is_agreed: bool) -> Proof:
    from zdtrace.proving.run import run

    def confirm(change: Treatment) -> bool:
        from zdtrace.reporting.patch import patch_text

        say("the change:")
        for line in patch_text(dict(change.patch)).rstrip().split("\n"):
            say(f"  {line}")
        for warning in change.warnings:
            say(f"mind: {warning}")
        return is_agreed or _asks("Apply it?")

    return run(api, prepared, confirm=confirm, say=say)


def _asks(question: str) -> bool:
    """Ask at the terminal; nobody there to answer means no."""
    if not sys.stdin.isatty():
        return False
    with _interruptible():
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a question, whoever listens to it otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _written(proof: Proof, wish: Wish) -> Proof:
    """Write the page and the data beside the recordings, and the reports of the two recordings that it shows."""
    from dataclasses import replace

    from zdtrace.analysis.diagnosis import diagnose
    from zdtrace.analysis.findings import find
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting import structured
    from zdtrace.reporting.files import write_text
    from zdtrace.reporting.html import as_html
    from zdtrace.reporting.language import language
    from zdtrace.reporting.proof_page import proof_page

    words, settings, folder = language("en"), dict(wish.settings), wish.folder
    sides = {name: open_recording(folder / trial.recording) for name, trial in _shown_trials(proof) if trial}
    done = replace(proof, places={
        "page": str(folder / PAGE), "data": str(folder / DATA), **({"recordings": str(folder)} if sides else {}),
    })
    write_text(folder / DATA, structured.as_json(done.as_json()), force=True)
    pages = {}
    for each in sides.values():
        name = f"{Path(each.name).stem}.html"
        again = shlex.join(["zdtrace", "report", str(folder / each.name), "-o", name])
        write_text(folder / name, as_html(find(each, settings), words, command=again), force=True)
        pages[each.name] = name
    found = {name: diagnose(each, settings) for name, each in sides.items()}
    page = proof_page(
        done, words, before=found.get("before"), after=found.get("after"), pages=pages, again=_again(wish),
    )
    write_text(folder / PAGE, page, force=True)
    return done


def _shown_trials(proof: Proof) -> list[tuple[str, Trial | None]]:
    """Return the rollouts that the page shows whole: the worst as it was, and the last one."""
    worst = max(proof.baseline, key=lambda each: each.failed, default=None)
    last = proof.last
    after = last.trials[-1] if last is not None and last.trials else None
    return [("before", worst), ("after", None if after == worst else after)]


def _again(wish: Wish) -> str:
    aim, ref = wish.aim, wish.ref
    words = ["zdtrace", "prove", ref.words, "-n", str(ref.namespace)]
    for each in wish.ingresses:
        words += ["--ingress", each.namespace + (f"/{each.selector}" if each.selector else "")]
    for log in wish.logs:
        words += ["--log", str(log)]
    words += ["--in-copy"] if wish.in_copy else []
    words += ["--claim", f"{aim.claim:g}", "--confidence", f"{aim.confidence:g}", "--baseline", str(wish.baseline)]
    words += ["--revisions", str(aim.revisions)]
    return shlex.join([*words, "--", *wish.command])


def _shown(proof: Proof, output: Output) -> str:
    from zdtrace.reporting import proof as report
    from zdtrace.reporting import structured
    from zdtrace.reporting.layout import Style

    if output is Output.JSON:
        return structured.as_json(proof.as_json())
    if output is Output.YAML:
        return structured.as_yaml(proof.as_json())
    return report.table(proof, width=columns(), style=Style(uses_color(sys.stdout)))


def _leave(proof: Proof) -> None:
    from zdtrace.proving.proof import Outcome

    codes = {Outcome.NOT_PROVEN: FAILURES, Outcome.INCONCLUSIVE: INCONCLUSIVE, Outcome.INTERRUPTED: INTERRUPTED}
    if proof.outcome in codes:
        raise typer.Exit(codes[proof.outcome])
