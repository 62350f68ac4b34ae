"""Closing a recording, or repairing one that was cut off: from its journal to its tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from zdtrace.errors import RecordingError
from zdtrace.recording import journal

if TYPE_CHECKING:
    from zdtrace.importers.batch import Outcome
    from zdtrace.recording.store import Writer

_MAY_BE_NOTHING = ("fortio-stderr",)
"""Files that need not hold anything that we want: a load test's talk."""


def folder_of_load(recording: Path) -> Path:
    """Return where the files of a load command are until they are taken in: beside the recording, not in it."""
    return recording.with_name(f".{recording.name}.load")


def make_folder_of_load(recording: Path) -> Path:
    """Make that folder, for nobody but us, and return it. Raises RecordingError where there is no place for it."""
    folder = folder_of_load(recording.absolute())
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise RecordingError(f"`{folder}` cannot be made: {error.strerror}") from error
    return folder


def close(
    writer: Writer, say: Callable[[str], None], *, started_at_ns: int | None = None,
    keep: frozenset[str] = frozenset(), drop: frozenset[str] = frozenset(), vegeta: str | None = None,
    year: int | None = None,
) -> tuple[Outcome, ...]:
    """Take the journal, and what other programs wrote, into the tables; remove the journal when all of it is in.

    `vegeta` is the program that wrote vegeta's results, if any; the one on PATH when not said.
    `year` is that of stamps that have none.
    """
    from zdtrace.importers.base import Options
    from zdtrace.importers.batch import take_files

    folder = writer.folder
    outside = _decoded(journal.files_outside(folder), folder_of_load(folder), vegeta, say)
    formats = journal.formats(folder)
    files = {path: formats.get(path.name, _told_by_name(path)) for path in journal.files(folder)}
    options = Options(started_at_ns=started_at_ns, keep=keep, drop=drop, year=year)
    outcomes = take_files(writer, {**files, **outside}, options)
    missing = [each for each in outcomes if each.is_left_out and each.format not in _MAY_BE_NOTHING]
    for each in missing:
        say(f"{each.path.name}: {each.message or each.result}" + (f" ({each.hint})" if each.hint else ""))
    if not any(each.path in files for each in missing):
        journal.discard(folder)
        if not missing:
            shutil.rmtree(folder_of_load(folder), ignore_errors=True)
    return outcomes


def _decoded(
    files: dict[Path, str], folder: Path, vegeta: str | None, say: Callable[[str], None]
) -> dict[Path, str]:
    """Return the files with those in their place that can be read: vegeta's results are decoded."""
    from zdtrace.collectors.load import VEGETA_RESULTS, decode_vegeta

    found = {}
    for path, name in files.items():
        if name != VEGETA_RESULTS:
            found[path] = name
            continue
        log = folder / "vegeta.json"
        if wrong := decode_vegeta(path, log, vegeta):
            say(wrong)
        # When nothing came of it, its results are named as what was left out, and stay.
        is_decoded = log.is_file() and log.stat().st_size > 0
        found[log if is_decoded else path] = ""
    return found


def _told_by_name(path: Path) -> str:
    return "journal" if path.name == journal.CLUSTER else ""


def repair(folder: Path, say: Callable[[str], None]) -> None:
    """Repair a recording that was cut off, and say what was done."""
    from zdtrace.recording.store import extend

    say(f"`{folder}` was not closed; repairing it …")
    with extend(folder, repair=True) as writer:
        sealed = journal.seal(folder)
        outcomes = close(writer, say)
    if sealed is not None:
        say(f"  {sealed.words}")
    rows = sum(sum(each.source.rows_by_table.values()) for each in outcomes if each.source is not None)
    say(f"  {rows:,} rows of {sum(each.source is not None for each in outcomes)} sources are in it")
