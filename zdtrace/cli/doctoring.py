"""`zdtrace doctor`: will the evidence be there, and what would make it better."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.console import say, uses_color
from zdtrace.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from zdtrace.analysis.checkup import Checkup
    from zdtrace.collectors.api import Api
    from zdtrace.collectors.asking import Granted
    from zdtrace.collectors.recorder import Wanted

THIN = 3
_LOGS_OF_NS = 600 * 10**9


class Output(StrEnum):
    """How the checkup is written to stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def doctor(
    recording: Annotated[Path | None, typer.Argument(
        metavar="[REC]", show_default=False, help="Look at this recording instead of the cluster.",
    )] = None,
    namespace: Annotated[str | None, typer.Option(
        "--namespace", "-n", metavar="NS", help="Namespace to look at; the context's when not said.",
    )] = None,
    all_namespaces: Annotated[bool, typer.Option(
        "--all-namespaces", "-A", help="Look at every namespace.",
    )] = False,
    selector: Annotated[str | None, typer.Option(
        "--selector", "-l", metavar="SELECTOR", help="Only these pods, and what makes and reaches them.",
    )] = None,
    ingress: Annotated[list[str] | None, typer.Option(
        metavar="NS[/SELECTOR]", help="Where an ingress controller runs. May be repeated.",
    )] = None,
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="How long to listen.")] = "6s",
    output: Annotated[Output, typer.Option("--output", "-o", help="How to write it.")] = Output.TABLE,
    kubeconfig: Annotated[str | None, typer.Option(metavar="FILE", help="As kubectl's.")] = None,
    context: Annotated[str | None, typer.Option(metavar="NAME", help="As kubectl's.")] = None,
    as_: Annotated[str | None, typer.Option("--as", metavar="USER", help="As kubectl's.")] = None,
    request_timeout: Annotated[str, typer.Option(metavar="TIME", help="As kubectl's.")] = "30s",
) -> None:
    """Tell whether the evidence will be there when you record, and what to change if not.

    Asks what may be read, listens for some seconds, reads what the ingress logged lately, compares clocks, and looks
    at probes, preStop, replicas and budgets of the workloads. Changes nothing. Of a recording it tells the same.

    Exit code: 0 the evidence will be there, 2 wrong use, 3 it would be thin, 4 the API failed.

    Example: zdtrace doctor -n shop --ingress ingress-nginx
    """
    from zdtrace.analysis.checkup import examine
    from zdtrace.analysis.engine import Engine
    from zdtrace.cli.recording import access_of
    from zdtrace.recording.store import open_recording
    from zdtrace.spans import span_s

    if recording is not None:
        if namespace or all_namespaces or selector or ingress:
            raise UsageError("a recording and a place in a cluster do not go together", hint="leave one of them out")
        _leave(examine(Engine(open_recording(recording))), output)
    from zdtrace.collectors.api import connect
    from zdtrace.collectors.labels import requirements
    from zdtrace.collectors.recorder import Ingress, Wanted

    requirements(selector or "")
    access = access_of(kubeconfig, context, as_, request_timeout)
    ingresses, for_s = tuple(map(Ingress.parsed, ingress or ())), span_s(for_, "--for")
    api = connect(access)
    try:
        wanted = Wanted(
            namespace=None if all_namespaces else namespace or api.namespace, selector=selector, ingresses=ingresses,
            logs_from_ns=time.time_ns() - _LOGS_OF_NS,
        )
        checkup = _look(api, wanted, for_s)
    finally:
        api.close()
    _leave(checkup, output)


def _look(api: Api, wanted: Wanted, for_s: float) -> Checkup:
    """Make a recording of some seconds, look at it, and forget it."""
    from zdtrace.analysis.checkup import examine
    from zdtrace.analysis.engine import Engine
    from zdtrace.collectors.recorder import Recorder
    from zdtrace.recording.journal import Journal
    from zdtrace.recording.store import extend, open_recording
    from zdtrace.sessions import closing

    say(f"looking at {wanted.namespace or 'all namespaces'} of {api.server} for {for_s:g} s")
    granted = _granted(api, wanted)
    with TemporaryDirectory(prefix="zdtrace-doctor-") as folder:
        path = Path(folder) / "doctor.zdtrace"
        with extend(path) as writer:
            journal = Journal(path)
            # What it warns of, the rights tell already.
            recorder = Recorder(api, journal, wanted, lambda _: None)
            recorder.start()
            time.sleep(for_s)
            recorder.stop()
            journal.close("told to")
            closing.close(writer, say)
        return examine(Engine(open_recording(path)), granted)


def _granted(api: Api, wanted: Wanted) -> list[Granted]:
    from zdtrace.collectors.api import ApiFailure
    from zdtrace.collectors.asking import ask
    from zdtrace.collectors.rights import Reach, of_recording

    homes = tuple(each.namespace for each in wanted.ingresses)
    try:
        return ask(api, of_recording(Reach(namespace=wanted.namespace, ingresses=homes, has_node_settings=True)))
    except ApiFailure as failure:
        raise ClusterError(
            f"the API server does not tell what we may do: {failure.words}",
            hint="does `kubectl auth can-i --list` work?",
        ) from failure


def _leave(checkup: Checkup, output: Output) -> None:
    """Write the checkup and end with its exit code."""
    from zdtrace.cli.analyzing import columns
    from zdtrace.reporting import checkup as drawn
    from zdtrace.reporting import structured
    from zdtrace.reporting.layout import Style

    if output is Output.JSON:
        sys.stdout.write(structured.as_json(checkup.as_json()))
    elif output is Output.YAML:
        sys.stdout.write(structured.as_yaml(checkup.as_json()))
    else:
        sys.stdout.write(drawn.table(checkup, width=columns(), style=Style(uses_color(sys.stdout))))
    raise typer.Exit(THIN if checkup.is_thin else 0)
