"""Everything that can go wrong on purpose.

    ZdtraceError                 exit code 2: what was asked for cannot be done
    ├── UsageError               the words of the command do not fit together
    ├── RecordingError           a folder is no recording, or not one we can read
    │   ├── RecordingExists      the output is there already and --force was not given
    │   ├── RecordingBusy        another process writes to this recording
    │   ├── RecordingDamaged     its manifest says what cannot be
    │   └── RecordingUnfinished  it was cut off while it was made, and nobody has repaired it yet
    ├── UnknownFormat            no importer recognises a file
    ├── UnusableFile             a format was recognised, but it cannot answer our question
    ├── QueryError               a query file breaks its own contract, or a user's SQL is wrong
    └── ClusterError             exit code 4: the API server said no, or nothing
        └── NoAnswer             it did not answer at all: asking again may help

Each error says what happened, to what, and (`hint`) what to do next.
"""

from __future__ import annotations

from pathlib import Path


class ZdtraceError(Exception):
    """What was asked for cannot be done. `hint` says what to do next; `exit_code` is the process's answer."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ZdtraceError):
    """The words of the command do not fit together."""


class RecordingError(ZdtraceError):
    """A folder is no recording, or not one that this version can read."""


class RecordingExists(RecordingError):
    """The output is there already and nobody said `--force`."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"`{path}` exists already", hint="choose another name, or add --force to replace it")
        self.path = path


class RecordingBusy(RecordingError):
    """Another process writes to this recording."""


class RecordingDamaged(RecordingError):
    """The manifest of a recording says what cannot be; `--force` may still replace it."""


class RecordingUnfinished(RecordingError):
    """A recording was cut off while it was made; the command line repairs it and goes on."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"`{path}` was cut off while it was recorded", hint="any zdtrace command that opens it repairs it first"
        )
        self.path = path


class UnknownFormat(ZdtraceError):
    """No importer recognises a file; `tried` names those that looked at it."""

    def __init__(self, path: Path, tried: tuple[str, ...]) -> None:
        super().__init__(
            f"`{path}`: no known format; tried {', '.join(tried)}",
            hint="name it with --format NAME, or describe its columns with --columns start=…,latency=…,status=…",
        )
        self.path = path
        self.tried = tried


class UnusableFile(ZdtraceError):
    """A format was recognised, but its files hold nothing that a verdict could be made of."""

    def __init__(self, path: Path, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"`{path}`: {reason}", hint=hint)
        self.path = path
        self.reason = reason


class QueryError(ZdtraceError):
    """A query file breaks its own contract, or somebody's SQL is wrong."""


class ClusterError(ZdtraceError):
    """The API server said no, or nothing at all."""

    exit_code = 4


class NoAnswer(ClusterError):
    """The API server did not answer, or cannot for now: asking again may help."""
