"""Taking many files into a recording: what each was taken for, and what was left out and why.

Cluster data comes first, because a ConfigMap in it may tell how a proxy writes its log; then proxies, then
clients.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zdtrace.errors import RecordingError, UnknownFormat, UsageError, ZdtraceError
from zdtrace.importers import named, recognise, text
from zdtrace.importers.base import OPTIONS, Head, Importer, Options
from zdtrace.importers.columns import Columns, understood
from zdtrace.importers.log_formats import fits, formats_in
from zdtrace.importers.nginx_access import NginxLogFormat
from zdtrace.importers.taking import Taken, take
from zdtrace.recording.manifest import FILE_NAME, Source
from zdtrace.recording.redaction import Policy
from zdtrace.recording.store import Writer, extend

_ORDER = {"recorder": 0, "apiserver": 0, "proxy": 1}
_ACCOUNT = ("source_id", "rows_in", "rows_kept", "rejects", "skipped", "rows_by_table", "reject_reasons")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Result(StrEnum):
    """What became of a file."""

    TAKEN = "taken"
    REPEAT = "repeat"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file. `is_left_out` says that somebody wanted it in, and it is not."""

    path: Path
    result: Result
    format: str | None = None
    title: str | None = None
    source: Source | None = None
    message: str | None = None
    hint: str | None = None
    tried: tuple[str, ...] = ()
    is_left_out: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, with the account of its rows."""
        found: dict[str, Any] = {"path": str(self.path), "result": str(self.result), "format": self.format}
        if self.source is not None:
            account = self.source.as_json()
            found |= {name: account[name] for name in _ACCOUNT} | {"notes": list(self.source.notes)}
        if self.message is not None:
            found |= {"message": self.message, "hint": self.hint}
        if self.tried:
            found["tried"] = list(self.tried)
        return found


@dataclass(frozen=True, slots=True)
class Report:
    """What became of all files, in the order in which they were dealt with."""

    recording: Path
    outcomes: tuple[Outcome, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out."""
        return not any(outcome.is_left_out for outcome in self.outcomes)

    @property
    def tried(self) -> tuple[str, ...]:
        """Formats that the unknown files were compared with; empty when there are no unknown ones."""
        return max((outcome.tried for outcome in self.outcomes), key=len, default=())

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "recording": str(self.recording),
            "is_complete": self.is_complete,
            "files": [outcome.as_json() for outcome in self.outcomes],
        }


def import_paths(
    paths: Iterable[Path],
    into: Path,
    *,
    format: str | None = None,  # noqa: A002 - it is what `--format` says
    options: Options | None = None,
    force: bool = False,
    clock: str | None = None,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> Report:
    """Take files, and the files below folders, into a recording, making it when it is not there.

    `tell` hears of each file when it is dealt with. A recording of which nothing came is not made, and
    when no file is known, `force` replaces none. Raises UsageError and RecordingError; what is wrong with
    one file is in the report.
    """
    options = options or Options()
    rules = Policy(keep=options.keep, drop=options.drop)
    chosen = named(format) if format else None
    if options.columns:
        understood(options.columns)
    batch = _Batch(options, clock, tell)
    plans = sorted(batch.plans(paths, into, chosen), key=lambda plan: (plan.rank, str(plan.path)))
    may_be_told = options.log_format or options.columns or (not force and (into / FILE_NAME).is_file())
    if not any(plan.importer or may_be_told for plan in plans):
        for plan in plans:
            batch.note(_unknown(plan))
        return Report(into, tuple(batch.outcomes))
    is_new = not into.exists()
    with extend(into, force=force) as writer:
        _describe(writer, rules)
        batch.take_all(writer, plans)
        is_empty = not writer.manifest.sources
    if is_new and is_empty:
        shutil.rmtree(into)
    return Report(into, tuple(batch.outcomes))


def take_files(
    writer: Writer, files: Mapping[Path, str], options: Options, tell: Callable[[Outcome], None] = lambda _: None
) -> tuple[Outcome, ...]:
    """Take files into a recording that is open, each as the format named beside it, or (empty) as its content says.

    What is wrong with one file is in its outcome. Raises RecordingError when the recording cannot be written.
    """
    batch = _Batch(options, None, tell)
    _describe(writer, Policy(keep=options.keep, drop=options.drop))
    found = (batch.plan(path, named(name) if name else None) for path, name in files.items())
    batch.take_all(writer, sorted((each for each in found if each), key=lambda plan: (plan.rank, str(plan.path))))
    return tuple(batch.outcomes)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A file and the importer that knows it; without one, nginx' log_format may still tell what it is."""

    path: Path
    importer: Importer | None
    unknown: UnknownFormat | None = None

    @property
    def rank(self) -> int:
        return _ORDER.get(self.importer.clock, 2) if self.importer else 1

    @property
    def needs_format(self) -> bool:
        """Whether only the `log_format` of a configuration says how to read it."""
        return self.importer is None or isinstance(self.importer, NginxLogFormat)


class _Batch:
    """The outcomes so far."""

    def __init__(self, options: Options, clock: str | None, tell: Callable[[Outcome], None]) -> None:
        self.options = options
        self.clock = clock
        self.tell = tell
        self.outcomes: list[Outcome] = []

    def note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.tell(outcome)

    def plans(self, paths: Iterable[Path], into: Path, chosen: Importer | None) -> Iterator[_Plan]:
        """Yield what is to be read; what cannot be is noted."""
        home = _real(into)
        seen: set[Path] = set()
        for path in paths:
            if home in (_real(path), *_real(path).parents):
                raise UsageError(f"`{path}` lies inside `{into}` itself", hint="name the original file")
            for file in self._files(path):
                real = _real(file)
                if real in seen:
                    continue
                seen.add(real)
                plan = self._plan(file, chosen, is_named=file == path)
                if plan is not None:
                    yield plan

    def _files(self, path: Path) -> Iterator[Path]:
        """Yield a file itself; of a folder the files below it, hidden ones and recordings left out."""
        if not path.is_dir():
            yield path
            return
        if (path / FILE_NAME).is_file():
            self._refuse(path, "it is a recording itself", "name the files that were imported into it")
            return
        for folder, folders, files in os.walk(path, onerror=self._unreadable):
            here = Path(folder)
            folders[:] = sorted(
                name for name in folders
                if not name.startswith(".") and not (here / name / FILE_NAME).is_file()
            )
            for link in (here / name for name in folders if (here / name).is_symlink()):
                # Where it leads back into the folder, nothing is missed.
                if _real(path) not in (_real(link), *_real(link).parents):
                    self._refuse(link, "a link to a folder outside is not followed", f"name `{_real(link)}` itself")
            yield from (here / name for name in sorted(files) if not name.startswith("."))

    def plan(self, path: Path, chosen: Importer | None) -> _Plan | None:
        """Return how one file is to be read; when it cannot be, that is noted."""
        return self._plan(path, chosen, is_named=False)

    def _unreadable(self, error: OSError) -> None:
        self._refuse(Path(error.filename), _words(error), None)

    def _plan(self, path: Path, chosen: Importer | None, *, is_named: bool) -> _Plan | None:
        try:
            # A pipe or a device would keep us waiting, or never end: asked before anything is opened.
            if not stat.S_ISREG(path.stat().st_mode):
                self._refuse(path, "not a regular file", "write its content to a file first")
                return None
            data = text.head(path)
            if not data.strip():
                self._note_empty(path, is_named=is_named)
                return None
            if data.startswith(_UTF_16):
                hint = "PowerShell's `>` does that: use `| Out-File -Encoding utf8 FILE`"
                self._refuse(path, "it is UTF-16", hint)
                return None
            return _Plan(path, chosen or recognise(path))
        except UnknownFormat as unknown:
            return _Plan(path, None, unknown)
        except OSError as error:
            self._refuse(path, _words(error), None)
        return None

    def _note_empty(self, path: Path, *, is_named: bool) -> None:
        with TemporaryDirectory() as scratch:
            damage = text.survey(path, Path(scratch)).damage
        if damage:
            self._refuse(path, damage, "export or copy it again")
            return
        self.note(Outcome(
            path=path, result=Result.EMPTY, is_left_out=is_named, message="nothing is in it",
            hint="hey, oha and ghz write at their end: when they are killed, nothing is there",
        ))

    def _refuse(self, path: Path, message: str, hint: str | None, importer: Importer | None = None) -> None:
        self.note(Outcome(
            path=path, result=Result.REFUSED, is_left_out=True, message=message, hint=hint,
            format=importer.name if importer else None, title=importer.title if importer else None,
        ))

    def take_all(self, writer: Writer, plans: list[_Plan]) -> None:
        """Take files in; `plans` are sorted, cluster data first."""
        formats: tuple[str, ...] | None = None
        for plan in plans:
            log_format = None
            if plan.needs_format:
                if formats is None:
                    formats = (self.options.log_format,) if self.options.log_format else formats_in(writer)
                head = Head(plan.path, text.head(plan.path))
                log_format = next((each for each in formats if fits(head, each)), None)
            if log_format is not None:
                self._take(writer, plan.path, NginxLogFormat(), replace(self.options, log_format=log_format))
            elif plan.importer is not None:
                self._take(writer, plan.path, plan.importer, self.options)
            elif self.options.columns:
                self._take(writer, plan.path, Columns(), self.options)
            else:
                self.note(_unknown(plan))

    def _take(self, writer: Writer, path: Path, importer: Importer, options: Options) -> None:
        import duckdb

        try:
            taken = take(writer, path, importer, options, clock=self.clock)
        except RecordingError:
            raise
        except ZdtraceError as error:
            self._refuse(path, error.message.removeprefix(f"`{path}`: "), error.hint, importer)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise RecordingError(f"`{writer.folder}` cannot be written: {_words(error)}") from error
            self._refuse(path, _words(error), None, importer)
        except duckdb.Error as error:
            self._refuse(path, f"cannot be read: {str(error).splitlines()[0][:200]}", None, importer)
        else:
            self.note(_outcome(path, importer, taken))


def _real(path: Path) -> Path:
    """Return where a path leads; of a chain of links that never ends, itself."""
    return Path(os.path.realpath(path))


def _outcome(path: Path, importer: Importer, taken: Taken) -> Outcome:
    """Tell of a file that was taken: what is missing of it, or what of the options comes too late."""
    message = hint = None
    if taken.damage:
        message, hint = f"not whole: {taken.damage}", "what comes before that is in; copy or export it again"
    elif taken.changed:
        names = ", ".join(OPTIONS[name] for name in taken.changed)
        message = f"it was taken with other {names}, which changes nothing now"
        hint = "import it into another recording, or replace this one with --force"
    return Outcome(
        path=path, result=Result.REPEAT if taken.is_repeat else Result.TAKEN, format=importer.name,
        title=importer.title, source=taken.source, message=message, hint=hint, is_left_out=bool(taken.damage),
    )


def _unknown(plan: _Plan) -> Outcome:
    tried = plan.unknown.tried if plan.unknown else ()
    return Outcome(
        path=plan.path, result=Result.UNKNOWN, is_left_out=True, message="no known format", tried=tried
    )


def _describe(writer: Writer, rules: Policy) -> None:
    """Write down how objects are redacted, beside how those before were."""
    before, found = writer.manifest.redaction, rules.as_json()
    policy = {name: sorted({*words, *before.get(name, ())}) for name, words in found.items()}
    if policy != before:
        writer.describe(redaction=policy)


def _words(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()

