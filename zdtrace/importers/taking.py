"""Taking a file into a recording: one pass from the file to Parquet, every line accounted for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from zdtrace.errors import UnusableFile
from zdtrace.importers import text
from zdtrace.importers.base import (
    OPTIONS,
    Delimited,
    Head,
    Importer,
    JsonLines,
    Options,
    Parquet,
    Pattern,
    Reading,
    Records,
)
from zdtrace.importers.chunks import Chunk, chunks
from zdtrace.importers.converting import Account, Converter
from zdtrace.importers.text import Reject, Rejects
from zdtrace.recording import manifest
from zdtrace.recording.manifest import Source
from zdtrace.recording.store import Writer

_MEMORY_WHOLE, _MEMORY_CHUNK = "600MB", "250MB"
_WORKERS = 2
_REASONS_IN_MANIFEST = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file: its new source, or the one that it repeats.

    `damage` says why it is not whole, `changed` which options of a repeat were others when it was taken.
    """

    source: Source
    is_repeat: bool = False
    damage: str | None = None
    changed: tuple[str, ...] = ()


def take(writer: Writer, path: Path, importer: Importer, options: Options, clock: str | None = None) -> Taken:
    """Read a file into the recording. A file whose content is in it already is not read again.

    Raises UnusableFile when nothing in it can be used.
    """
    import duckdb

    head = Head(path, text.head(path))
    job = _Job(writer.next_source_id, head, importer.read(head, options), Path(tempfile.mkdtemp(dir=writer.scratch)))
    try:
        job.run()
        if repeated := writer.holds(job.survey.content_sha256):
            return Taken(repeated, True, job.survey.damage, _changed(repeated, options))
        name = writer.unique_name(os.fsencode(path.name).decode(errors="replace"))
        source = _source(job, importer, name, clock or importer.clock, options)
        writer.add(source, [draft.file for draft in job.account.drafts])
    except duckdb.Error as error:
        words = str(error).strip().split("\n")[0][:300]
        raise UnusableFile(path, f"cannot be read as {importer.name}: {words}") from error
    finally:
        shutil.rmtree(job.scratch, ignore_errors=True)
    return Taken(source, damage=job.survey.damage)


def _changed(source: Source, options: Options) -> tuple[str, ...]:
    """Return the options that were others when a source was taken."""
    said = options.said
    return tuple(name for name in OPTIONS if source.parameters.get(name) != said.get(name))


def _source(job: _Job, importer: Importer, name: str, clock: str, options: Options) -> Source:
    account, survey, reading = job.account, job.survey, job.reading
    if account.kept == 0 and account.rejects:
        reason, count = account.reasons.most_common(1)[0]
        rows_in = account.lines - account.skipped
        raise UnusableFile(
            job.head.path, f"taken for {importer.name}, but none of its {rows_in} lines can be used",
            hint=f"most often: {reason} ({count} times)",
        )
    rows_by_table: Counter[str] = Counter()
    for draft in account.drafts:
        if draft.file.table != "rejects":
            rows_by_table[draft.file.table] += draft.file.rows
    return Source(
        source_id=job.source_id,
        name=name,
        format=importer.name,
        sha256=survey.sha256,
        content_sha256=survey.content_sha256,
        bytes=survey.bytes,
        lines_in=account.lines,
        skipped=account.skipped,
        rows_kept=account.kept,
        rejects=account.rejects,
        rows_by_table=dict(rows_by_table),
        reject_reasons=_shortened(account.reasons),
        clock=clock,
        written=reading.written,
        resolution_ns=reading.resolution_ns,
        shows_failures=reading.shows_failures,
        first_at_ns=min((each.first_at_ns for each in account.drafts if each.first_at_ns is not None), default=None),
        last_at_ns=max((each.last_at_ns for each in account.drafts if each.last_at_ns is not None), default=None),
        imported_at=manifest.now(),
        notes=(*reading.notes, *job.notes),
        parameters={**options.said, **reading.parameters, **job.counted},
    )


class _Job:
    """One file on its way into Parquet drafts."""

    def __init__(self, source_id: int, head: Head, reading: Reading, scratch: Path) -> None:
        self.source_id = source_id
        self.head = head
        self.reading = reading
        self.scratch = scratch
        self.survey = text.Survey(text.readable(head.path, scratch))
        self.account = Account()
        self.counted: dict[str, str] = {}
        self.notes: list[str] = []

    def run(self) -> None:
        """Write the drafts and the account."""
        reading = self.reading
        if isinstance(reading.raw, JsonLines | Pattern) and not reading.beside and not reading.counted:
            self._run_in_chunks()
        else:
            self._run_whole()

    # Lines that stand for themselves: chunk by chunk, as many at a time as there are cores

    def _run_in_chunks(self) -> None:
        idle: SimpleQueue[Converter] = SimpleQueue()
        for number in range(_WORKERS):
            idle.put(self._converter(f"worker{number}", memory=_MEMORY_CHUNK, threads=1))

        def convert(chunk: Chunk) -> Account:
            with _borrowed(idle) as converter:
                return _convert_lines(converter, chunk, f"{chunk.number:04}")

        waiting: list[Future[Account]] = []
        with ThreadPoolExecutor(_WORKERS) as pool:
            # Chunks wait on disk, one more than there are workers: while they are busy, the next is cut.
            for chunk in chunks(self.survey, self.scratch, slots=_WORKERS + 1):
                self._look_for_changes(chunk)
                waiting.append(pool.submit(convert, chunk))
                if len(waiting) > _WORKERS:
                    self.account.add(waiting.pop(0).result())
            for each in waiting:
                self.account.add(each.result())
        if self.survey.damage:
            self._add_damage()

    def _look_for_changes(self, chunk: Chunk) -> None:
        changed = self.reading.changed
        if changed and not self.notes and (words := changed(Head(self.head.path, chunk.last_lines()))):
            self.notes.append(f"line {chunk.first_line + chunk.lines - 1:,} {words}")

    def _add_damage(self) -> None:
        converter = self._converter("damage", memory=_MEMORY_CHUNK, threads=1)
        rejects = converter.rejects()
        rejects.add(Reject(self.survey.lines + 1, self.survey.damage or ""))
        self.account.add(converter.account("damage", [], 1, rejects))

    def _converter(self, name: str, *, memory: str, threads: int) -> Converter:
        scratch = self.scratch / name
        scratch.mkdir()
        home = self.scratch.parent
        return Converter(self.source_id, self.head, self.reading, home, scratch, memory=memory, threads=threads)

    # Everything else: as a whole

    def _run_whole(self) -> None:
        self.survey = text.survey(self.survey.content, self.scratch)
        raw, survey = self.reading.raw, self.survey
        # Of records so few are converted at once that a second thread costs more memory than it saves time.
        threads = 1 if isinstance(raw, Records) else _WORKERS
        converter = self._converter("whole", memory=_MEMORY_WHOLE, threads=threads)
        rejects = converter.rejects()
        if survey.damage and not isinstance(raw, JsonLines | Pattern):
            rejects.add(Reject(survey.lines + 1, survey.damage))
        if isinstance(raw, Records):
            self._run_records(raw, converter, rejects)
        elif isinstance(raw, Parquet):
            converter.raw.read_parquet(survey.content, raw)
            lines = converter.raw.count()[1]
            self.account = converter.account("all", converter.write_tables("all"), lines, rejects)
        elif isinstance(raw, Delimited):
            self._run_delimited(raw, converter, rejects)
        else:
            chunk = Chunk(survey.content, 0, 1, survey.lines, survey.is_dirty)
            self.account = _convert_lines(converter, chunk, "all")
            if survey.damage:
                self._add_damage()
        self.counted = converter.counted()

    def _run_records(self, raw: Records, converter: Converter, rejects: Rejects) -> None:
        """Convert so many records at a time as fit in memory: one may be a whole Kubernetes object."""
        records = raw.iterate(self.survey.content)
        is_whole = bool(self.reading.beside or self.reading.counted)
        for number in count():
            part = f"{number:04}"
            lines = converter.raw.read_records(raw.fields, records, rejects, is_whole=is_whole)
            if number and not lines and not rejects.count:
                return
            drafts = converter.write_tables(part)
            self.account.add(converter.account(part, drafts, lines + rejects.count, rejects))
            rejects = converter.rejects()

    def _run_delimited(self, raw: Delimited, converter: Converter, rejects: Rejects) -> None:
        survey = self.survey
        clean = text.clean(survey.content, converter.scratch, rejects)
        # Above the header all lines are blank: if it is rejected, it is the first that is.
        above = self.head.first_line if raw.header else 0
        has_header = 0 < above <= survey.lines and above != clean.first_reject
        skipped = clean.blank + int(has_header)
        if survey.has_quotes:
            lines = converter.raw.read_csv(clean.path, rejects) + rejects.count + skipped
        else:
            converter.raw.read_lines(clean.path)
            lines = survey.lines + bool(survey.damage)
        self.account = converter.account("all", converter.write_tables("all"), lines, rejects, skipped)


def _convert_lines(converter: Converter, chunk: Chunk, part: str) -> Account:
    """Convert a chunk; one whose lines do not come out as many as they went in is cleaned and read again."""
    import duckdb

    ways: list[Callable[[Path, int], None]] = [] if chunk.is_dirty else [converter.raw.read_lines]
    if ways and converter.raw.reads_json:
        ways.insert(0, converter.raw.read_json)
    for read in ways:
        try:
            read(chunk.path, chunk.first_line)
            drafts = converter.write_tables(part)
            kept = sum(each.file.rows for each in drafts)
            # Blank lines are lost without a word, and with them the numbers of those below.
            if kept == chunk.lines or (read == converter.raw.read_lines and converter.raw.count()[1] == chunk.lines):
                return converter.account(part, drafts, chunk.lines)
        except duckdb.Error:
            continue  # whatever it was, it is in a line that the next, slower way finds
    rejects = converter.rejects()
    clean = text.clean(chunk.path, converter.scratch, rejects, chunk.first_line)
    converter.raw.read_lines(clean.path, chunk.first_line)
    return converter.account(part, converter.write_tables(part), chunk.lines, rejects, clean.blank)


@contextmanager
def _borrowed(idle: SimpleQueue[Converter]) -> Iterator[Converter]:
    converter = idle.get()
    try:
        yield converter
    finally:
        idle.put(converter)


def _shortened(reasons: Counter[str]) -> dict[str, int]:
    """Return the most frequent reasons, the rest added up, so that a hostile file does not swell the manifest."""
    top = dict(reasons.most_common(_REASONS_IN_MANIFEST))
    rest = reasons.total() - sum(top.values())
    return {**top, "other reasons": rest} if rest else top
