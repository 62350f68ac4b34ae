"""`zdtrace chaos`: experiments that replace pods on purpose."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zdtrace.cli.console import say, uses_color
from zdtrace.cli.recording import access_of
from zdtrace.errors import UsageError
from zdtrace.spans import span_s

REFUSED, NOT_UNDONE = 2, 1
_REQUEST_TIMEOUT = "5s"
FileArgument = Annotated[Path, typer.Argument(
    metavar="FILE", show_default=False, help="The experiment, as `zdtrace chaos init` writes one.",
)]
NamespaceOption = Annotated[str | None, typer.Option(
    "--namespace", "-n", metavar="NS", help="Namespace of the target, when its file says none.",
)]
KubeconfigOption = Annotated[str | None, typer.Option("--kubeconfig", metavar="FILE", help="As kubectl's.")]
ContextOption = Annotated[str | None, typer.Option("--context", metavar="NAME", help="As kubectl's.")]
AsOption = Annotated[str | None, typer.Option("--as", metavar="USER", help="As kubectl's.")]
TimeoutOption = Annotated[str, typer.Option("--request-timeout", metavar="TIME", help="As kubectl's.")]
SeedOption = Annotated[int | None, typer.Option(
    "--seed", metavar="N", help="Choose victims by this number: the same ones of the same pods.",
)]


class Output(StrEnum):
    """How it is written to stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to write it.")]


def chaos() -> None:
    """Replace pods on purpose: delete, evict, restart, scale, drain, switch; under recording, and undo it.

    Nothing is done without --yes, nothing that is not opted in, and nothing that was not written down before: what an
    experiment did can be undone from its journal, also after `kill -9`.

    Example: zdtrace chaos plan experiment.yaml
    """


def init(
    file: Annotated[Path, typer.Argument(
        metavar="[FILE]", show_default=False, help="Where to write it; `-` is stdout.",
    )] = Path("experiment.yaml"),
    workload: Annotated[str, typer.Option(
        metavar="KIND/NAME", help="What it is about, as deployment/demo.",
    )] = "deployment/demo",
    namespace: Annotated[str, typer.Option("--namespace", "-n", metavar="NS", help="Where that is.")] = "default",
    url: Annotated[str, typer.Option(metavar="URL", help="What is asked for meanwhile.")] = "http://example.com/demo",
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it exists.")] = False,
) -> None:
    """Write an experiment's file with every field that there is, and what it means.

    Exit code 0; 2 when the file exists.

    Example: zdtrace chaos init experiment.yaml --workload deployment/demo -n shop --url http://example.com/demo
    """
    from zdtrace.chaos.starting import starter
    from zdtrace.reporting.files import write_text

    text = starter(workload, namespace, url)
    if str(file) == "-":
        sys.stdout.write(text)
        return
    write_text(file, text, force=force)
    say(f"{file} written; next: zdtrace chaos plan {file}")


def plan(
    file: FileArgument,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = None,
    seed: SeedOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    as_: AsOption = None,
    request_timeout: TimeoutOption = _REQUEST_TIMEOUT,
) -> None:
    """Show exactly what an experiment would do now: the victims, the changes, what to expect, what forbids it.

    Changes are tried in a dry run of the API server; nothing is changed. Pods are chosen anew when it runs, unless
    --seed is given to both.

    Exit codes: 0 it may run, 2 it is refused or the file is wrong, 4 the cluster's API failed.

    Example: zdtrace chaos plan experiment.yaml
    """
    from zdtrace.cli.experimenting import show_plan

    access = access_of(kubeconfig, context, as_, request_timeout)
    if not show_plan(file, access, namespace, seed, output.value):
        raise typer.Exit(REFUSED)


def run(
    file: FileArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it. Without it, this is `plan`.")] = False,
    every: Annotated[str | None, typer.Option(
        metavar="TIME", show_default=False, help="Run again and again, at this distance: 6h.",
    )] = None,
    jitter: Annotated[str | None, typer.Option(
        metavar="TIME", show_default=False, help="Each run begins up to so much later, by chance.",
    )] = None,
    until: Annotated[str | None, typer.Option(
        metavar="TIME", show_default=False, help="No run begins after that: 2026-12-24T18:00+01:00, or 7d from now.",
    )] = None,
    textfile: Annotated[Path | None, typer.Option(
        metavar="FILE", show_default=False, help="Write the last run's figures for Prometheus: zdtrace.prom.",
    )] = None,
    webhook: Annotated[str | None, typer.Option(
        metavar="URL", envvar="ZDTRACE_WEBHOOK", show_default=False, show_envvar=True,
        help="Post a message (JSON as Slack takes it) when the verdict is another one than last time.",
    )] = None,
    folder: Annotated[Path | None, typer.Option(
        metavar="DIR", show_default=False, help="Where recordings, journals and pages go; the file says it otherwise.",
    )] = None,
    namespace: NamespaceOption = None,
    seed: SeedOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    as_: AsOption = None,
    request_timeout: TimeoutOption = _REQUEST_TIMEOUT,
) -> None:
    """Run an experiment under recording, undo it, and judge what it lost.

    Each action is in a journal on the disk before it is taken. A burnt budget, Ctrl-C, SIGTERM or the loss of the API
    ends it within a second, and what can be undone is undone; after `kill -9`, `zdtrace chaos undo JOURNAL` does that.

    Exit codes: 0 within the limits, 1 over them, aborted or not undone, 2 refused or wrong use, 3 inconclusive, 4 the
    cluster's API failed, 130 interrupted.

    Example: zdtrace chaos run experiment.yaml --yes --every 6h --jitter 10m --until 7d
    """
    from zdtrace.chaos.posting import check_webhook
    from zdtrace.chaos.scenes import utc
    from zdtrace.chaos.schedule import parse_schedule
    from zdtrace.cli import experimenting

    access = access_of(kubeconfig, context, as_, request_timeout)
    schedule = parse_schedule(every, jitter, until, utc())
    if webhook:
        check_webhook(webhook)
    if not yes:
        is_allowed = experimenting.show_plan(file, access, namespace, seed, Output.TABLE.value)
        say("this was a dry run: add --yes to do it" if is_allowed else "this was a dry run, and it would be refused")
        raise typer.Exit(0 if is_allowed else REFUSED)
    told = experimenting.Told(textfile=textfile, webhook=webhook)
    raise typer.Exit(experimenting.run_all(file, access, namespace, seed, folder, schedule, told))


def undo(
    journal: Annotated[Path, typer.Argument(
        metavar="JOURNAL", show_default=False, help="The journal of a run; `zdtrace chaos list` names them.",
    )],
    force: Annotated[bool, typer.Option(
        "--force", help="Also put back what somebody else has changed since.",
    )] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is left to undo.")] = False,
    wait: Annotated[str, typer.Option(
        metavar="TIME", help="How long to ask again while the API server does not answer.",
    )] = "5m",
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    as_: AsOption = None,
    request_timeout: TimeoutOption = _REQUEST_TIMEOUT,
) -> None:
    """Undo what an experiment did, from its journal: for one that was killed, or that could not undo all.

    Each field is put back where it still says what the experiment wrote; what somebody else has changed since is left
    alone and named. It can be run again.

    Exit codes: 0 everything is as before, 1 something was left alone, 2 wrong use or it still runs, 4 the cluster's API
    failed.

    Example: zdtrace chaos undo chaos-runs/20261126T101500Z-delete-one-pod-a1b2.journal
    """
    from zdtrace.cli.experimenting import undo_from

    access = access_of(kubeconfig, context, as_, request_timeout)
    if not undo_from(journal, access, is_forced=force, is_dry=dry_run, patience_s=span_s(wait, "--wait")):
        raise typer.Exit(NOT_UNDONE)


def list_(
    folder: Annotated[Path, typer.Argument(
        metavar="[DIR]", show_default=False, help="Where runs left their journals; chaos-runs when not said.",
    )] = Path("chaos-runs"),
    output: OutputOption = Output.TABLE,
) -> None:
    """List the runs of a folder: what became of them, and what is left to undo. Asks no cluster.

    Exit codes: 0 nothing is left to undo, 1 something is, 2 wrong use.

    Example: zdtrace chaos list chaos-runs
    """
    from zdtrace.cli.experimenting import list_runs

    if not folder.is_dir():
        raise UsageError(f"`{folder}` is no folder", hint="`zdtrace chaos run` makes one")
    if not list_runs(folder, output.value, is_colored=uses_color(sys.stdout)):
        raise typer.Exit(NOT_UNDONE)
