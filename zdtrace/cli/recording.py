"""`zdtrace record`: listen to a cluster while a load test runs."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.console import say
from zdtrace.errors import UsageError
from zdtrace.spans import span_s

if TYPE_CHECKING:
    from zdtrace.collectors.api import Access
    from zdtrace.recording.store import Writer


def record(
    output: Annotated[Path, typer.Option(
        "--output", "-o", metavar="REC", help="Recording to make.", show_default=False,
    )],
    command: Annotated[list[str] | None, typer.Argument(
        metavar="[-- COMMAND…]", show_default=False,
        help="Load test to run meanwhile. Options that make it log each request are added.",
    )] = None,
    namespace: Annotated[str | None, typer.Option(
        "--namespace", "-n", metavar="NS", help="Namespace to listen to; the context's when not said.",
    )] = None,
    all_namespaces: Annotated[bool, typer.Option(
        "--all-namespaces", "-A", help="Listen to every namespace.",
    )] = False,
    selector: Annotated[str | None, typer.Option(
        "--selector", "-l", metavar="SELECTOR",
        help="Only these pods, and what makes them, reaches them and is told of them.",
    )] = None,
    everything: Annotated[bool, typer.Option(
        "--all", help="Every object of the namespace, and every node.",
    )] = False,
    ingress: Annotated[list[str] | None, typer.Option(
        metavar="NS[/SELECTOR]", help="Where an ingress controller runs: its logs are followed. May be repeated.",
    )] = None,
    for_: Annotated[str | None, typer.Option(
        "--for", metavar="TIME", help="Without a command: how long, 5m or 90s; until Ctrl-C when not said.",
    )] = None,
    after: Annotated[str, typer.Option(
        metavar="TIME", help="How long to listen on when the command has ended: pods may still be ending.",
    )] = "3s",
    requests: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Per-request log that the command writes by itself.",
    )] = None,
    log: Annotated[list[Path] | None, typer.Option(
        metavar="FILE", help="Log that another program writes meanwhile, as kube-proxy's: taken in. May be repeated.",
    )] = None,
    probe: Annotated[str | None, typer.Option(
        metavar="URL", help="Instead of a command: our own load test, as `-- zdtrace probe URL`.",
    )] = None,
    rate: Annotated[float, typer.Option(metavar="N", help="Requests a second of --probe.")] = 50.0,
    canary: Annotated[str | None, typer.Option(
        metavar="URL", help="Ask a second path meanwhile, one beside the cluster: tells the client's own trouble.",
    )] = None,
    kubeconfig: Annotated[str | None, typer.Option(metavar="FILE", help="As kubectl's.")] = None,
    context: Annotated[str | None, typer.Option(metavar="NAME", help="As kubectl's.")] = None,
    as_: Annotated[str | None, typer.Option("--as", metavar="USER", help="As kubectl's.")] = None,
    request_timeout: Annotated[str, typer.Option(metavar="TIME", help="As kubectl's.")] = "30s",
    keep: Annotated[list[str] | None, typer.Option(
        metavar="WHAT", help="Keep a value that is masked otherwise: env:NAME, configmap:NAME/KEY, annotation:NAME.",
    )] = None,
    drop: Annotated[list[str] | None, typer.Option(
        metavar="WHAT", help="Drop more of the objects: annotations, labels, or a path as spec.volumes.",
    )] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the recording when it exists.")] = False,
) -> None:
    """Record a cluster while a load test runs, and take its requests in when it ends.

    Listens to pods, endpoints, Services, Events, workloads, autoscalers, budgets, routes and nodes, follows the logs of
    ingress controllers, and compares clocks. What was seen a second ago survives whatever ends it; the next command
    that opens the recording repairs it then.

    For options of our own load test run it as a command: `-- zdtrace probe URL --header …`.

    Exit code: the command's own. Without a command 0. When there is no recording, 2 or 4.

    Example: zdtrace record --ingress ingress-nginx -o rollout.zdtrace -- fortio load -qps 500 -t 60s http://example.com/
    """
    from zdtrace.collectors.api import connect
    from zdtrace.collectors.labels import requirements
    from zdtrace.collectors.recorder import Ingress, Wanted
    from zdtrace.recording.redaction import Policy
    from zdtrace.sessions.session import Asked, hold, make_room, prepared, signals

    requirements(selector or "")
    policy = Policy(keep=frozenset(keep or ()), drop=frozenset(drop or ()))
    ingresses = tuple(map(Ingress.parsed, ingress or ()))
    for_s, after_s = None if for_ is None else span_s(for_, "--for"), span_s(after, "--after")
    if command and probe:
        raise UsageError("--probe and a command do not go together", hint="leave one of them out")
    if command and for_:
        raise UsageError("--for and a command do not go together", hint="the recording ends when the command does")
    if requests is not None and not command:
        raise UsageError("--requests needs a command that writes the file", hint="add `-- COMMAND…`")
    access = access_of(kubeconfig, context, as_, request_timeout)
    make_room(output, force=force)
    loads = replace(prepared(Asked(command, probe, rate, canary, for_s), output, requests), logs=tuple(log or ()))
    api = connect(access)
    wanted = Wanted(
        namespace=None if all_namespaces else namespace or api.namespace,
        selector=selector, everything=everything, ingresses=ingresses, policy=policy,
    )
    try:
        with signals() as heard:
            done = hold(api, wanted, output, loads, heard=heard, say=say, for_s=for_s, after_s=after_s)
    finally:
        api.close()
    _sum_up(done.writer, output, has_load=loads.main is not None)
    raise typer.Exit(done.code)


def access_of(kubeconfig: str | None, context: str | None, user: str | None, timeout: str) -> Access:
    """Return how to reach a cluster, from the options that are kubectl's. Raises UsageError."""
    from zdtrace.collectors.api import Access

    return Access(
        kubeconfig=kubeconfig, context=context, user=user, timeout_s=span_s(timeout, "--request-timeout"),
    )


def _sum_up(writer: Writer, output: Path, *, has_load: bool) -> None:
    """Say what is in the recording and what to do with it."""
    rows: dict[str, int] = {}
    for each in writer.manifest.sources:
        for table, count in each.rows_by_table.items():
            rows[table] = rows.get(table, 0) + count
    words = ", ".join(f"{count:,} {table}" for table, count in rows.items())
    say(f"`{output}`: {words or 'nothing was seen'}")
    if gaps := rows.get("gaps"):
        say(f"  {gaps} times a source was not listening; analyze shows those that matter")
    if has_load and not rows.get("requests"):
        say("  no request of the load test is in it")
    say(f"next: zdtrace analyze {shlex.quote(str(output))}")
