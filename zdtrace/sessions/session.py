"""Making a recording: listen, let a load test run, do something meanwhile, stop, and take everything in.

`record` of the command line, experiments and proofs all go through `hold`, so that their recordings are alike.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from zdtrace.collectors.api import Api
from zdtrace.collectors.load import Load, Running, prepare, probing
from zdtrace.collectors.recorder import Recorder, Wanted
from zdtrace.errors import RecordingError, RecordingExists, UsageError
from zdtrace.recording import journal as journals
from zdtrace.recording.journal import Journal
from zdtrace.recording.manifest import DRAFT_NAME, FILE_NAME
from zdtrace.recording.store import Writer, extend, remove_recording
from zdtrace.sessions import closing

PATIENCE_S = 10.0
_TICK_S = 0.2
_CANARY_RATE = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be sent while we listen: a command, or our own load test, and a canary beside it."""

    command: list[str] | None
    probe: str | None = None
    rate: float = 50.0
    canary: str | None = None
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Loads:
    """What is run while we listen: a load test, and beside it the asking of a canary.

    `talk` is a file that gets what they print, instead of our own stdout and stderr. `logs` are files that other
    programs write meanwhile: what they gain is taken in, too.
    """

    main: Load | None
    canary: Load | None = None
    talk: Path | None = None
    logs: tuple[Path, ...] = ()

    @property
    def files(self) -> dict[str, str]:
        """Return the logs that they write, with their formats."""
        every = [each for each in (self.main, self.canary) if each is not None]
        return {str(path): name for each in every for path, name in each.files.items()}


class Heard:
    """Whether we were told to stop, and by which signal."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.number: int = signal.SIGINT


@contextmanager
def signals() -> Iterator[Heard]:
    """Let Ctrl-C and SIGTERM end what is done properly instead of ending us."""
    heard = Heard()

    def hear(number: int, _: object) -> None:
        heard.number = number
        heard.stop.set()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class Scene:
    """What one who acts during a recording has of it. `load_ended` is set when the load test is over."""

    journal: Journal
    heard: Heard
    load_ended: threading.Event = field(default_factory=threading.Event)

    def mark(self, label: str, started_at_ns: int, ended_at_ns: int | None = None) -> None:
        """Note in the recording what was done, by our clock."""
        ended = started_at_ns if ended_at_ns is None else ended_at_ns
        self.journal.note(mark={
            "started_at_ns": started_at_ns, "ended_at_ns": ended, "clock": "recorder", "label": label,
        })


@dataclass(frozen=True, slots=True)
class Session:
    """A recording that is made: the load test's exit code (0 without one) and when it ran, ns, null without one."""

    code: int
    writer: Writer
    load_started_at_ns: int | None
    load_ended_at_ns: int | None


def make_room(output: Path, *, force: bool) -> None:
    """Remove a recording that may be replaced. Raises RecordingExists, or RecordingError while it is written to."""
    if not output.exists():
        return
    if output.is_dir() and [each.name for each in output.iterdir()] == [DRAFT_NAME]:
        # Killed before it began: nothing was seen yet.
        (output / DRAFT_NAME).unlink()
        output.rmdir()
        return
    is_ours = (output / FILE_NAME).is_file()
    if not (force and is_ours):
        raise RecordingExists(output)
    if journals.is_held(output):
        raise RecordingError(f"`{output}` is being written to", hint="wait for the other zdtrace to end")
    remove_recording(output)


def prepared(asked: Asked, output: Path, requests: Path | None = None) -> Loads:
    """Return the load tests, ready to run beside a recording. Raises UsageError, or RecordingError without a place."""
    if not (asked.command or asked.probe or asked.canary):
        return Loads(None)
    shutil.rmtree(closing.folder_of_load(output.absolute()), ignore_errors=True)
    folder = closing.make_folder_of_load(output)
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
    return Loads(main, canary)


def hold(
    api: Api, wanted: Wanted, output: Path, loads: Loads, *, heard: Heard, say: Callable[[str], None],
    for_s: float | None = None, after_s: float = 3.0, act: Callable[[Scene], None] | None = None,
) -> Session:
    """Record into `output` while the load test runs, or without one for `for_s` (null: until told to stop).

    `act` runs in a thread of its own from the start of the load test on; the recording ends when it has returned and
    the load test, `after_s` ago, has ended. What it raises is raised when the recording is closed. Raises
    RecordingError when nothing can be written any more.
    """
    with extend(output) as writer:
        version = {"api_server_version": api.server_version} if api.server_version else {}
        cluster = {"namespace": wanted.namespace or "*", **version}
        writer.describe_cluster(cluster, (wanted.selector,) if wanted.selector else ())
        journal = Journal(output)
        recorder, grown = Recorder(api, journal, wanted, say), _Grown(loads.logs)
        for late in recorder.start():
            say(f"{late} do not answer yet; going on without them")
        say(f"recording {wanted.namespace or 'all namespaces'} into `{output}`")
        journal.outside(loads.files)
        scene = Scene(journal, heard)
        actor = _Actor(act, scene)
        with _beside(journal, loads.canary):
            code, running, ended_at_ns = _listen(scene, loads, for_s, after_s, actor, say)
        recorder.stop()
        load = loads.main
        if journal.failure is None:
            journal.outside({**loads.files, **grown.copied(closing.folder_of_load(output))})
        journal.close("the command ended" if load else "told to")
        started_at_ns = running.started_at_ns if running else None
        for trouble in recorder.troubles:
            say(trouble)
        _check_written(journal, output)
        closing.close(
            writer, say, started_at_ns=started_at_ns, keep=wanted.policy.keep, drop=wanted.policy.drop,
            vegeta=load.words[0] if load else None, year=time.gmtime().tm_year if loads.logs else None,
        )
    if actor.error is not None:
        raise actor.error
    return Session(code, writer, started_at_ns, ended_at_ns)


class _Grown:
    """Logs of other programs, from where they end now."""

    def __init__(self, logs: tuple[Path, ...]) -> None:
        try:
            self._sizes = {each: each.stat().st_size for each in logs}
        except OSError as error:
            raise UsageError(
                f"`{error.filename}` cannot be read: {error.strerror}", hint="--log names a file that is there already"
            ) from error

    def copied(self, folder: Path) -> dict[str, str]:
        """Copy what they have gained, as far as its lines are whole, into a folder; returns the files there."""
        found = {}
        for number, (path, size) in enumerate(self._sizes.items()):
            with path.open("rb") as source:
                source.seek(size if path.stat().st_size >= size else 0)  # a log may be rotated
                content = source.read()
            whole = content[: content.rfind(b"\n") + 1]
            if not whole:
                continue
            copy = folder / f"{number}-{path.name}"
            folder.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(whole)
            found[str(copy)] = ""
        return found


def _check_written(journal: Journal, output: Path) -> None:
    if journal.failure is None:
        return
    words = journal.failure.strerror or str(journal.failure)
    since = time.strftime("%H:%M:%S UTC", time.gmtime(journal.failed_at_ns / 1e9))
    raise RecordingError(
        f"`{output}` could not be written any more: {words}; what was seen after {since} is missing, "
        "what was seen before is in its journal",
        hint="make room, then open it with any zdtrace command: it is repaired first",
    )


class _Actor:
    """Does what is to be done meanwhile, and keeps what went wrong for later."""

    def __init__(self, act: Callable[[Scene], None] | None, scene: Scene) -> None:
        self.error: BaseException | None = None
        self._act = act
        self._scene = scene
        self._thread = threading.Thread(target=self._run, name="act", daemon=True)

    def start(self) -> None:
        if self._act is not None:
            self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        assert self._act is not None  # noqa: S101 - `start` asked
        try:
            self._act(self._scene)
        except BaseException as error:
            self.error = error


def _listen(
    scene: Scene, loads: Loads, for_s: float | None, after_s: float, actor: _Actor, say: Callable[[str], None],
) -> tuple[int, Running | None, int | None]:
    """Wait for the end of the command, of the time or of our patience; return the exit code."""
    journal, heard, load = scene.journal, scene.heard, loads.main
    if load is None:
        actor.start()
        _wait(journal, heard, for_s)
        scene.load_ended.set()
        _await(actor, scene)
        return 0, None, None
    say(f"running: {shlex.join(load.words)}")
    running = Running(load, loads.talk)
    _state_clock(journal, running)
    actor.start()
    told_at: float | None = None
    has_warned = False
    while (code := running.wait(_TICK_S)) is None:
        if journal.failed.is_set() and not has_warned:
            has_warned = True
            say("nothing can be written any more, so nothing more is recorded; the command goes on")
        if heard.stop.is_set() and told_at is None:
            told_at = time.monotonic()
            running.tell(heard.number)
        if told_at is not None and time.monotonic() - told_at > PATIENCE_S:
            say("the command does not end; ending it")
            running.kill()
    ended_at_ns = time.time_ns()
    scene.load_ended.set()
    scene.mark(f"load: {load.words[0]}", running.started_at_ns, ended_at_ns)
    if told_at is None:
        _wait(journal, heard, after_s)
    _await(actor, scene)
    return code, running, ended_at_ns


def _await(actor: _Actor, scene: Scene) -> None:
    """Wait for the one who acts; told to stop, it has our patience to do so."""
    told_at: float | None = None
    while actor.is_busy:
        if scene.heard.stop.is_set() and told_at is None:
            told_at = time.monotonic()
        if told_at is not None and time.monotonic() - told_at > PATIENCE_S:
            return
        time.sleep(_TICK_S)


@contextmanager
def _beside(journal: Journal, canary: Load | None) -> Iterator[None]:
    """Ask a canary meanwhile."""
    if canary is None:
        yield
        return
    running = Running(canary)
    _state_clock(journal, running)
    (log,) = canary.files
    begun_by = time.monotonic() + PATIENCE_S
    while not (log.is_file() and log.stat().st_size) and time.monotonic() < begun_by and running.wait(_TICK_S) is None:
        pass  # what it does not see the beginning of, it cannot vouch for
    try:
        yield
    finally:
        running.tell(signal.SIGTERM)
        if running.wait(PATIENCE_S) is None:
            running.kill()


def _state_clock(journal: Journal, running: Running) -> None:
    """Note that what we start runs on our clock."""
    journal.note(clock={
        "sampled_at_ns": running.started_at_ns, "clock": "client", "reference": "recorder", "offset_lo_ns": 0,
        "offset_hi_ns": 0, "method": "stated",
    })


def _wait(journal: Journal, heard: Heard, seconds: float | None) -> None:
    """Wait until told to stop, until nothing can be written any more, or (unless null) for some time."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while not (heard.stop.is_set() or journal.failed.is_set()):
        left_s = _TICK_S if deadline is None else min(_TICK_S, deadline - time.monotonic())
        if left_s <= 0:
            return
        heard.stop.wait(left_s)
