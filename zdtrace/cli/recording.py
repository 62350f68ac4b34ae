"""`zdtrace record`: listen to a cluster while a load test runs."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli import closing
from zdtrace.cli.console import say
from zdtrace.errors import RecordingError, RecordingExists, UsageError

if TYPE_CHECKING:
    from zdtrace.collectors.load import Load, Running
    from zdtrace.collectors.recorder import Wanted
    from zdtrace.recording.journal import Journal
    from zdtrace.recording.store import Writer

_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_PATIENCE_S = 10.0
_TICK_S = 0.2
_CANARY_RATE = 10.0


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
    from zdtrace.collectors.api import Access, connect
    from zdtrace.collectors.labels import requirements
    from zdtrace.collectors.recorder import Ingress, Wanted
    from zdtrace.recording.redaction import Policy

    requirements(selector or "")
    policy = Policy(keep=frozenset(keep or ()), drop=frozenset(drop or ()))
    ingresses = tuple(map(Ingress.parsed, ingress or ()))
    spans = _Spans(None if for_ is None else span_s(for_, "--for"), span_s(after, "--after"))
    if command and probe:
        raise UsageError("--probe and a command do not go together", hint="leave one of them out")
    if command and for_:
        raise UsageError("--for and a command do not go together", hint="the recording ends when the command does")
    access = Access(
        kubeconfig=kubeconfig, context=context, user=as_, timeout_s=span_s(request_timeout, "--request-timeout"),
    )
    _make_room(output, force=force)
    loads = _prepared(_Asked(command, probe, rate, canary, spans.for_s), output, requests)
    api = connect(access)
    wanted = Wanted(
        namespace=None if all_namespaces else namespace or api.namespace,
        selector=selector, everything=everything, ingresses=ingresses, policy=policy,
    )
    try:
        code = _record(api, wanted, output, loads, spans)
    finally:
        api.close()
    raise typer.Exit(code)


class _Spans:
    """How long to listen without a command (null: until told to stop), and after one."""

    def __init__(self, for_s: float | None, after_s: float) -> None:
        self.for_s = for_s
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be sent while we listen, as the command line says it."""

    command: list[str] | None
    probe: str | None
    rate: float
    canary: str | None
    for_s: float | None


@dataclass(frozen=True, slots=True)
class _Loads:
    """What is run while we listen: a load test, and beside it the asking of a canary."""

    main: Load | None
    canary: Load | None

    @property
    def files(self) -> dict[str, str]:
        """Return the logs that they write, with their formats."""
        every = [each for each in (self.main, self.canary) if each is not None]
        return {str(path): name for each in every for path, name in each.files.items()}


def span_s(text: str, option: str) -> float:
    """Read `5m`, `90s`, `1h30m` or a plain number of seconds. Raises UsageError."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    found = _SPAN.fullmatch(text)
    if not text or found is None:
        raise UsageError(f"`{option} {text}` is no time", hint="write it as 90s, 5m or 1h30m")
    hours, minutes, seconds = (float(each or 0) for each in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _make_room(output: Path, *, force: bool) -> None:
    from zdtrace.recording import journal
    from zdtrace.recording.manifest import FILE_NAME
    from zdtrace.recording.store import remove_recording

    if not output.exists():
        return
    is_ours = (output / FILE_NAME).is_file()
    if not (force and is_ours):
        raise RecordingExists(output)
    if journal.is_held(output):
        raise RecordingError(f"`{output}` is being written to", hint="wait for the other zdtrace to end")
    remove_recording(output)


def _prepared(asked: _Asked, output: Path, requests: Path | None) -> _Loads:
    from zdtrace.collectors.load import prepare, probing

    if requests is not None and not asked.command:
        raise UsageError("--requests needs a command that writes the file", hint="add `-- COMMAND…`")
    if not (asked.command or asked.probe or asked.canary):
        return _Loads(None, None)
    folder = closing.folder_of_load(output.absolute())
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise RecordingError(f"`{folder}` cannot be made: {error.strerror}") from error
    try:
        main = None
        if asked.command:
            main = prepare(asked.command, folder, requests.absolute() if requests else None)
        elif asked.probe:
            main = probing(asked.probe, folder, rate=asked.rate, for_s=asked.for_s)
        canary = probing(asked.canary, folder, rate=_CANARY_RATE, is_canary=True) if asked.canary else None
    except UsageError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _Loads(main, canary)


def _record(api: object, wanted: Wanted, output: Path, loads: _Loads, spans: _Spans) -> int:
    from zdtrace.collectors.api import Api
    from zdtrace.collectors.load import finish
    from zdtrace.collectors.recorder import Recorder
    from zdtrace.recording.journal import Journal
    from zdtrace.recording.store import extend

    assert isinstance(api, Api)  # noqa: S101 - `connect` made it
    with extend(output) as writer, _signals() as heard:
        writer.describe_cluster({"namespace": wanted.namespace or "*"}, (wanted.selector,) if wanted.selector else ())
        journal = Journal(output)
        recorder = Recorder(api, journal, wanted, say)
        for late in recorder.start():
            say(f"{late} do not answer yet; going on without them")
        say(f"recording {wanted.namespace or 'all namespaces'} into `{output}`")
        journal.outside(loads.files)
        with _beside(journal, loads.canary):
            code, running = _listen(journal, loads.main, spans, heard)
        recorder.stop()
        load = loads.main
        journal.close("the command ended" if load else "told to")
        started_at_ns = running.started_at_ns if running else None
        if load is not None and (wrong := finish(load)):
            say(wrong)
        for trouble in recorder.troubles:
            say(trouble)
        if journal.failure is not None:
            words = journal.failure.strerror or str(journal.failure)
            since = time.strftime("%H:%M:%S UTC", time.gmtime(journal.failed_at_ns / 1e9))
            raise RecordingError(
                f"`{output}` could not be written any more: {words}; what was seen after {since} is missing, "
                "what was seen before is in its journal",
                hint="make room, then open it with any zdtrace command: it is repaired first",
            )
        closing.close(
            writer, started_at_ns=started_at_ns,
            keep=wanted.policy.keep, drop=wanted.policy.drop,
        )
    _sum_up(writer, output, has_load=load is not None)
    return code


def _listen(
    journal: Journal, load: Load | None, spans: _Spans, heard: _Heard
) -> tuple[int, Running | None]:
    """Wait for the end of the command, of the time or of our patience; return the exit code."""
    if load is None:
        _wait(journal, heard, spans.for_s)
        return 0, None
    from zdtrace.collectors.load import Running

    say(f"running: {shlex.join(load.words)}")
    running = Running(load)
    _state_clock(journal, running)
    told_at: float | None = None
    has_warned = False
    while (code := running.wait(_TICK_S)) is None:
        if journal.failed.is_set() and not has_warned:
            has_warned = True
            say("nothing can be written any more, so nothing more is recorded; the command goes on")
        if heard.stop.is_set() and told_at is None:
            told_at = time.monotonic()
            running.tell(heard.number)
        if told_at is not None and time.monotonic() - told_at > _PATIENCE_S:
            say("the command does not end; ending it")
            running.kill()
    journal.note(mark={
        "started_at_ns": running.started_at_ns, "ended_at_ns": time.time_ns(), "clock": "recorder",
        "label": f"load: {load.words[0]}",
    })
    if told_at is None:
        _wait(journal, heard, spans.after_s)
    return code, running


@contextmanager
def _beside(journal: Journal, canary: Load | None) -> Iterator[None]:
    """Ask a canary meanwhile."""
    from zdtrace.collectors.load import Running

    if canary is None:
        yield
        return
    running = Running(canary)
    _state_clock(journal, running)
    (log,) = canary.files
    begun_by = time.monotonic() + _PATIENCE_S
    while not (log.is_file() and log.stat().st_size) and time.monotonic() < begun_by and running.wait(_TICK_S) is None:
        pass  # what it does not see the beginning of, it cannot vouch for
    try:
        yield
    finally:
        running.tell(signal.SIGTERM)
        if running.wait(_PATIENCE_S) is None:
            running.kill()


def _state_clock(journal: Journal, running: Running) -> None:
    """Note that what we start runs on our clock."""
    journal.note(clock={
        "sampled_at_ns": running.started_at_ns, "clock": "client", "reference": "recorder", "offset_lo_ns": 0,
        "offset_hi_ns": 0, "method": "stated",
    })


def _wait(journal: Journal, heard: _Heard, seconds: float | None) -> None:
    """Wait until told to stop, until nothing can be written any more, or (unless null) for some time."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while not (heard.stop.is_set() or journal.failed.is_set()):
        left_s = _TICK_S if deadline is None else min(_TICK_S, deadline - time.monotonic())
        if left_s <= 0:
            return
        heard.stop.wait(left_s)


class _Heard:
    """Whether we were told to stop, and by which signal."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.number: int = signal.SIGINT


@contextmanager
def _signals() -> Iterator[_Heard]:
    """Let Ctrl-C and SIGTERM end the recording properly instead of ending us."""
    heard = _Heard()

    def hear(number: int, _: object) -> None:
        heard.number = number
        heard.stop.set()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
