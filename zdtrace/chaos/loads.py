"""The load of an experiment: a command that the recording waits for, or our own prober, or both."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from zdtrace.chaos.experiment import Load, Probe
from zdtrace.collectors import load as loads
from zdtrace.collectors.load import Running
from zdtrace.errors import UsageError
from zdtrace.recording.journal import Journal
from zdtrace.sessions import closing
from zdtrace.sessions.session import Loads

_PATIENCE_S = 5.0
MadeLoads = tuple[Loads, "Beside | None", tuple[Path, ...]]
"""What the recording runs, what runs beside it, and the logs that tell of requests while they are sent."""


class Beside:
    """Our prober beside a command: started and stopped by the one who acts, its log a part of the recording."""

    def __init__(self, load: loads.Load, others: Mapping[Path, str]) -> None:
        self._load = load
        self._others = others
        self._running: Running | None = None

    def start(self, journal: Journal) -> None:
        """Begin to send."""
        files = {**self._others, **self._load.files}
        journal.outside({str(path): name for path, name in files.items()})
        self._running = Running(self._load)

    def stop(self) -> None:
        """End the sending, and wait for the requests that are on their way."""
        if self._running is None:
            return
        self._running.tell(signal.SIGTERM)
        if self._running.wait(_PATIENCE_S) is None:
            self._running.kill()
            self._running.wait(_PATIENCE_S)


def make_loads(load: Load, recording: Path) -> MadeLoads:
    """Return what is run, ready to be started.

    Raises UsageError for a command that nobody knows, RecordingError where nothing can be written.
    """
    folder = closing.make_folder_of_load(recording)
    try:
        probe = _probe(load.probe, folder) if load.probe else None
        if not load.command:
            return Loads(probe), None, tuple(probe.files) if probe else ()
        main = loads.prepare(list(load.command), folder, load.requests.absolute() if load.requests else None)
    except UsageError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    beside = Beside(probe, main.files) if probe else None
    seen = [*(probe.files if probe else ()), *(main.files if load.is_seen else ())]
    return Loads(main), beside, tuple(seen)


def _probe(probe: Probe, folder: Path) -> loads.Load:
    options = ["--quiet", "--timeout", f"{probe.timeout_s:g}s"]
    options += ["--resolve", probe.address] if probe.address else []
    options += [word for each in probe.headers for word in ("--header", each)]
    return loads.probing(probe.url, folder, rate=probe.rate, options=options)
