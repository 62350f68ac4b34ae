"""The recording that is being made around an experiment: one at a time, in a thread of its own."""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zdtrace.analysis.diagnosis import Diagnosis, diagnose
from zdtrace.collectors.api import Access, connect
from zdtrace.collectors.labels import requirements
from zdtrace.collectors.recorder import Ingress, Wanted
from zdtrace.errors import UsageError, ZdtraceError
from zdtrace.recording.store import open_recording
from zdtrace.sessions.session import Asked, Heard, Loads, Scene, hold, make_room, prepared

logger = logging.getLogger("chaostoolkit")
_READY_S = 30.0


@dataclass(slots=True)
class Running:
    """A recording under way. `has_acted` tells whether the method of the experiment has begun."""

    path: Path
    heard: Heard
    settle_s: float
    thread: threading.Thread | None = None
    scene: Scene | None = None
    began: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None
    has_acted: bool = False
    diagnosis: Diagnosis | None = None


_running: list[Running] = []


def begin(
    recording: str, *, namespace: str | None = None, selector: str | None = None, ingress: Sequence[str] | str = (),
    load: Sequence[str] | str | None = None, requests: str | None = None, probe: str | None = None,
    rate: float = 50.0, settle: float = 5.0, context: str | None = None, kubeconfig: str | None = None,
    force: bool = False, secrets: Mapping[str, Any] | None = None,
) -> Running:
    """Begin to record, and wait until everything listens and the load runs. Raises ZdtraceError.

    `load` is a load test's command; `probe` a URL that is asked instead, at `rate`. `settle` is how long to listen on.
    """
    if _running:
        raise UsageError(f"`{_running[0].path}` is still being recorded", hint="end it with the action stop_recording")
    requirements(selector or "")
    path = Path(recording)
    names = [ingress] if isinstance(ingress, str) else list(ingress)
    make_room(path, force=force)
    command = shlex.split(load) if isinstance(load, str) else list(load) if load else None
    loads = prepared(Asked(command, probe, rate), path, Path(requests) if requests else None)
    chosen = context or (secrets or {}).get("KUBERNETES_CONTEXT")
    api = connect(Access(kubeconfig=kubeconfig, context=chosen))
    wanted = Wanted(
        namespace=namespace or api.namespace, selector=selector, ingresses=tuple(map(Ingress.parsed, names)),
    )
    running = Running(path, Heard(), settle)
    running.thread = threading.Thread(target=_hold, args=(running, api, wanted, loads), name="zdtrace", daemon=True)
    running.thread.start()
    _running.append(running)
    running.began.wait(_READY_S)
    if running.error is not None:
        _running.clear()
        raise running.error
    return running


def _hold(running: Running, api: Any, wanted: Wanted, loads: Loads) -> None:
    def note(scene: Scene) -> None:
        running.scene = scene
        running.began.set()

    try:
        hold(api, wanted, running.path, loads, heard=running.heard, say=logger.debug, act=note)
    except BaseException as error:
        running.error = error
    finally:
        running.began.set()
        api.close()


def current() -> Running | None:
    """Return the recording that is being made, or the last one that was; null when there was none."""
    return _running[0] if _running else None


def end(running: Running) -> Diagnosis:
    """End a recording and judge it; one that is ended already is only told of. Raises ZdtraceError."""
    if running.diagnosis is not None:
        return running.diagnosis
    if running.thread is not None:
        time.sleep(running.settle_s)
        running.heard.stop.set()
        running.thread.join()
        running.thread = None
    if running.error is not None:
        raise running.error
    running.diagnosis = diagnose(open_recording(running.path))
    logger.info(f"zdtrace: {running.diagnosis.sentence}")
    return running.diagnosis


def forget() -> None:
    """Let the next experiment begin anew."""
    _running.clear()


def judged(recording: str | None) -> Diagnosis | None:
    """Return what a recording says, by default the one around the experiment, which this ends.

    Null before the method of the experiment has begun: nothing has happened that could be judged. Raises ZdtraceError.
    """
    if recording is not None:
        return diagnose(open_recording(Path(recording)))
    running = current()
    if running is None:
        raise ZdtraceError(
            "nothing is recorded", hint="add the control zdtrace.chaostoolkit.control, or name a recording"
        )
    return end(running) if running.has_acted else None
