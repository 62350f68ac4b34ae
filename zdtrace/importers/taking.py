"""Running an importer's description in DuckDB: one pass from the file to sorted Parquet, every line accounted for."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zdtrace.errors import UnusableFile
from zdtrace.importers import text
from zdtrace.importers.base import (
    STAMP,
    Delimited,
    Head,
    Importer,
    JsonLines,
    Options,
    Parquet,
    Pattern,
    Reading,
    Records,
    Rows,
)
from zdtrace.importers.sql import MACROS, identifier, literal
from zdtrace.importers.text import Reject
from zdtrace.recording import manifest
from zdtrace.recording.manifest import Source
from zdtrace.recording.store import Writer
from zdtrace.recording.tables import BY_NAME, REJECTS, Table

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "600MB"
FREE_TEXT = frozenset({"url", "path", "error", "message", "details", "host"})
"""Columns of any table that are masked, whatever an importer does: query values, credentials, cookies."""

_EARLIEST_NS, _LATEST_NS = 946_684_800_000_000_000, 4_102_444_800_000_000_000
_REASONS_IN_MANIFEST = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file: its new source, or the one that it repeats."""

    source: Source
    is_repeat: bool = False


def take(writer: Writer, path: Path, importer: Importer, options: Options, clock: str | None = None) -> Taken:
    """Read a file into the recording. A file whose content is in it already is not read again.

    Raises UnusableFile when nothing in it can be used.
    """
    head = Head(path, text.head(path))
    reading = importer.read(head, options)
    scratch = Path(tempfile.mkdtemp(dir=writer.scratch))
    try:
        return _take(writer, head, importer, reading, scratch, clock or importer.clock)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _take(
    writer: Writer, head: Head, importer: Importer, reading: Reading, scratch: Path, clock: str
) -> Taken:
    import duckdb

    job = _Job(writer.next_source_id, head, reading, scratch)
    try:
        survey = job.run()
    except duckdb.Error as error:
        words = str(error).strip().split("\n")[0][:300]
        raise UnusableFile(head.path, f"cannot be read as {importer.name}: {words}") from error
    if repeated := writer.holds(survey.content_sha256):
        return Taken(repeated, is_repeat=True)
    account = job.account
    first, last = job.span()
    source = Source(
        source_id=job.source_id,
        name=writer.unique_name(head.path.name),
        format=importer.name,
        sha256=survey.sha256,
        content_sha256=survey.content_sha256,
        bytes=survey.bytes,
        lines_in=account.lines,
        skipped=account.skipped,
        rows_kept=account.kept,
        rejects=account.rejects,
        rows_by_table=job.rows_by_table,
        reject_reasons=_shortened(account.reasons),
        clock=clock,
        written=reading.written,
        resolution_ns=reading.resolution_ns,
        shows_failures=reading.shows_failures,
        first_at_ns=first,
        last_at_ns=last,
        imported_at=manifest.now(),
        notes=reading.notes,
        parameters={**reading.parameters, **job.counted()},
    )
    if source.rows_kept == 0 and source.rejects:
        reason, count = account.reasons.most_common(1)[0]
        raise UnusableFile(
            head.path, f"taken for {importer.name}, but none of its {source.rows_in} lines can be used",
            hint=f"most often: {reason} ({count} times)",
        )
    writer.add(source, job.drafts)
    return Taken(source)


@dataclass(slots=True)
class _Account:
    lines: int
    skipped: int
    kept: int
    reasons: Counter[str]

    @property
    def rejects(self) -> int:
        return self.reasons.total()


class _Job:
    """One file on its way into Parquet."""

    def __init__(self, source_id: int, head: Head, reading: Reading, scratch: Path) -> None:
        self.source_id = source_id
        self.head = head
        self.reading = reading
        self.scratch = scratch
        self.drafts: dict[str, Path] = {}
        self.rows_by_table: dict[str, int] = {}
        self.account = _Account(0, 0, 0, Counter())
        self._db = _connect(scratch)

    def run(self) -> text.Survey:
        """Write the Parquet drafts and the account."""
        path = self.head.path
        if isinstance(self.reading.raw, Records | Parquet):
            survey = text.survey(path, self.scratch)
            if isinstance(self.reading.raw, Records):
                self._run_records(self.reading.raw, survey)
            else:
                self._run_parquet(self.reading.raw, survey)
            return survey
        if text.is_compressed(path) or isinstance(self.reading.raw, Delimited):
            survey = text.survey(path, self.scratch)
            needs_parser = survey.has_quotes and isinstance(self.reading.raw, Delimited)
            kept = None if survey.is_dirty or needs_parser else self._try_plain(survey.content)
        else:
            # Hashing and counting take as long as half the parsing: done side by side. Should the survey find the
            # file dirty, the hasty result is thrown away.
            with ThreadPoolExecutor(1) as pool:
                surveying = pool.submit(text.survey, path, self.scratch)
                kept = self._try_plain(path)
                survey = surveying.result()
        damage = [Reject(survey.lines + 1, survey.damage)] if survey.damage else []
        header = isinstance(self.reading.raw, Delimited) and self.reading.raw.header and survey.lines > 0
        if kept is not None and not survey.is_dirty and kept == survey.lines - header:
            self.account = _Account(survey.lines, int(header), kept, Counter())
            self._write_rejects(None, damage)
        elif kept is not None and not survey.is_dirty and self._count_raw()[1] == survey.lines - header:
            # Lines are missing because they were skipped or rejected, not because they were blank.
            self._write_rejects(survey.lines + len(damage), damage, skipped=int(header))
        else:
            self._run_clean(survey, damage, header)
        return survey

    def _try_plain(self, path: Path) -> int | None:
        """Read the file as if every line were good; null when DuckDB cannot."""
        import duckdb

        try:
            self._define_raw(text.numbered_lines(path))
            return self._write_tables()
        except duckdb.Error:
            return None

    def _run_clean(self, survey: text.Survey, damage: list[Reject], header: bool) -> None:
        clean = text.clean(survey.content, self.scratch)
        rejects = [*clean.rejects, *damage]
        skipped = clean.blank + int(header)
        lines = survey.lines + len(damage)
        raw = self.reading.raw
        if isinstance(raw, Delimited) and survey.has_quotes:
            count = self._define_records({"fields": "VARCHAR[]"}, _csv_rows(clean.path, raw), rejects)
            self._define_fields(raw, "r.fields")
            lines = count + len(rejects) + skipped
        else:
            self._define_raw(text.numbered_lines(clean.path))
        self._write_tables()
        self._write_rejects(lines, rejects, skipped=skipped)

    def _run_records(self, raw: Records, survey: text.Survey) -> None:
        rejects = [Reject(survey.lines + 1, survey.damage)] if survey.damage else []
        count = self._define_records(raw.fields, raw.iterate(survey.content), rejects)
        self._write_tables()
        self._write_rejects(count + len(rejects), rejects)

    def _run_parquet(self, raw: Parquet, survey: text.Survey) -> None:
        fields = ", ".join(f"{identifier(name)} := {identifier(name)}::varchar" for name in raw.names)
        self._db.execute(f"""
            create or replace view raw as
            select file_row_number + 1 as line, null::varchar as text, null::bigint as stamped_at_ns,
                struct_pack({fields}) as r
            from read_parquet({literal(str(survey.content))}, file_row_number = true)
        """)
        self._write_tables()
        self._write_rejects(self._count_raw()[1], [])

    # From lines to `raw` (line, text, stamped_at_ns, r)

    def _count_raw(self) -> tuple[int, int]:
        """Return how many raw rows there are to skip, and in all."""
        found = self._db.execute(f"select count(*) filter ({self.reading.skip}), count(*) from raw").fetchone()
        return found or (0, 0)

    def _define_raw(self, lines: str) -> None:
        raw = self.reading.raw
        stamped = self.head.is_stamped
        if stamped:
            prefix = rf"^({STAMP})(?: (?:(?:stdout|stderr) [FP] )?(.*))?$"
            # A line that lost its stamp keeps its words: it may be good all the same.
            lines = f"""
                select line, if(parts.stamp = '', whole, parts.body) as text, iso_ns(parts.stamp) as stamped_at_ns
                from (
                    select line, text as whole, regexp_extract(text, '{prefix}', ['stamp', 'body']) as parts
                    from ({lines})
                )
            """
        else:
            lines = f"select line, text, null::bigint as stamped_at_ns from ({lines})"
        if isinstance(raw, JsonLines):
            structure = literal(json.dumps(dict(raw.fields)))
            parsed = f"try(from_json(text, {structure}))"
            if raw.wanted != "true":
                parsed = f"case when {raw.wanted} then {parsed} end"
        elif isinstance(raw, Pattern):
            names = ", ".join(literal(name) for name in group_names(raw.pattern))
            found = f"regexp_extract(text, {literal(raw.pattern)}, [{names}])"
            lines = f"select line, text, stamped_at_ns, {found} as found from ({lines})"
            parsed = f"case when found.{identifier(raw.required)} <> '' then found end"
        else:
            assert isinstance(raw, Delimited)  # noqa: S101 - the other kind never gets here
            self._define_delimited(raw, lines)
            return
        self._db.execute(f"create or replace view raw as select line, text, stamped_at_ns, {parsed} as r from ({lines})")

    def _define_delimited(self, raw: Delimited, lines: str) -> None:
        """Split lines that hold no quotes; files with quotes go through a CSV parser instead."""
        split = f"string_split(text, {literal(raw.separator)})"
        where = "where line > 1" if raw.header else ""
        self._db.execute(f"""
            create or replace view cells as
            select line, text, stamped_at_ns, {split} as fields from ({lines}) {where}
        """)
        self._define_fields(raw, "fields", source="cells")

    def _define_fields(self, raw: Delimited, cells: str, *, source: str = "records") -> None:
        fields = ", ".join(
            f"{identifier(name)} := {cells}[{number}]" for number, name in enumerate(raw.names, 1)
        )
        self._db.execute(f"""
            create or replace view raw as select line, text, stamped_at_ns, struct_pack({fields}) as r from {source}
        """)

    def _define_records(
        self,
        fields: Mapping[str, str],
        records: Iterator[tuple[int, Mapping[str, Any]] | Reject],
        rejects: list[Reject],
    ) -> int:
        """Spill records to a file that DuckDB reads back as `raw`, and rejects to the list; return the records' count."""
        spill = self.scratch / "records.ndjson"
        count = 0
        with spill.open("w", encoding="utf-8") as file:
            for each in records:
                if isinstance(each, Reject):
                    rejects.append(each)
                    continue
                count += 1
                file.write(json.dumps({"line": each[0], "r": each[1]}, allow_nan=False, default=str) + "\n")
        struct = ", ".join(f"{identifier(name)} {type_}" for name, type_ in fields.items())
        columns = f"{{'line': 'BIGINT', 'r': {literal(f'STRUCT({struct})')}}}"
        view = f"""
            select line, null::varchar as text, null::bigint as stamped_at_ns, r
            from read_json({literal(str(spill))}, format = 'newline_delimited', columns = {columns},
                maximum_object_size = {64 << 20})
        """
        self._db.execute(f"create or replace view records as {view}")
        self._db.execute("create or replace view raw as from records")
        return count

    # From `raw` to tables and rejects

    def _judged(self, raw: str = "raw") -> str:
        """Return SQL for `raw` with the reason why a row is not kept: null when it is, '' when it is skipped."""
        reading = self.reading
        checks = " ".join(f"when {rows.when} then {_check(rows)}" for rows in reading.rows)
        beside, source = "", raw
        if reading.beside:
            beside, source = "beside, ", f"{raw} left join beside on beside.line = raw.line"
        return f"""
            select raw.line, text, stamped_at_ns, r, {beside}case
                when {reading.skip} then ''
                when r is null then {literal(_unreadable(reading))}
                when ({reading.reject}) is not null then ({reading.reject})
                {checks}
                else 'no known record'
            end as reason from {source}
        """

    def _write_tables(self) -> int:
        """Write each table's Parquet draft; return how many raw rows were kept."""
        if self.reading.beside:
            self._db.execute(f"create or replace temp table beside as {self.reading.beside}")
        # Only what could be parsed can be kept; said this way, k6's other points never reach the join.
        judged = self._judged("(from raw where r is not null) as raw")
        for rows in self.reading.rows:
            table = BY_NAME[rows.table]
            draft = self.scratch.parent / f"{self.source_id}-{table.name}.parquet"
            count = self._copy(
                f"""
                select {_columns(table, rows, self.source_id)} from ({judged})
                where reason is null and ({rows.when}) order by {table.sorted_by}, line
                """,
                table, draft,
            )
            if count:
                self.drafts[table.name] = draft
                self.rows_by_table[table.name] = count
            else:
                self.drafts.pop(table.name, None)
                self.rows_by_table.pop(table.name, None)
        return sum(self.rows_by_table.values())

    def _write_rejects(self, lines: int | None, rejects: list[Reject], *, skipped: int = 0) -> None:
        """Account for the rows that were not kept and write them; null `lines`: all of `raw` was kept."""
        kept = sum(self.rows_by_table.values())
        parts = ["select null::bigint as line, null as reason, null as text where false"]
        if lines is not None:
            by_definition, total = self._count_raw()
            skipped += by_definition
            if total > by_definition + kept:
                text_column = "null" if self.reading.withhold_rejects else "text"
                parts.append(f"select line, reason, {text_column} from ({self._judged()}) where reason <> ''")
            self.account = _Account(lines, skipped, kept, Counter())
        if rejects:
            spill = self.scratch / "rejects.ndjson"
            with spill.open("w", encoding="utf-8") as file:
                for each in rejects:
                    shown = None if self.reading.withhold_rejects else each.text
                    file.write(json.dumps({"line": each.line, "reason": each.reason, "text": shown}) + "\n")
            parts.append(f"""
                select line, reason, text from read_json({literal(str(spill))}, format = 'newline_delimited',
                    columns = {{'line': 'BIGINT', 'reason': 'VARCHAR', 'text': 'VARCHAR'}})
            """)
        if len(parts) == 1:
            return
        draft = self.scratch.parent / f"{self.source_id}-rejects.parquet"
        count = self._copy(
            f"""
            select {self.source_id}::integer as source_id, line, left(reason, 200) as reason,
                masked(left(text, 500)) as text
            from ({' union all '.join(parts)}) order by line
            """,
            REJECTS, draft,
        )
        if count:
            self.drafts[REJECTS.name] = draft
            top = f"select reason, count(*) from read_parquet({literal(str(draft))}) group by all"
            self.account.reasons.update(dict(self._db.execute(top).fetchall()))
        if lines is None:
            self.account.lines += len(rejects)

    def _copy(self, select: str, table: Table, draft: Path) -> int:
        docs = ", ".join(f"{identifier(column.name)}: {literal(column.doc)}" for column in table.columns)
        written = self._db.execute(f"""
            copy ({select}) to {literal(str(draft))} (
                format parquet, compression zstd, compression_level 1,
                kv_metadata {{zdtrace_table: {literal(table.doc)}, {docs}}}
            )
        """).fetchone()
        return int(written[0]) if written else 0

    def counted(self) -> dict[str, str]:
        """Return the parameters that only the whole file tells."""
        found = {}
        for name, aggregate in self.reading.counted.items():
            value = self._db.execute(f"select {aggregate} from raw").fetchone()
            if value and value[0]:
                found[name] = f"{value[0]:g}" if isinstance(value[0], float) else str(value[0])
        return found

    def span(self) -> tuple[int | None, int | None]:
        """Return the first and the last instant of the rows kept; null when there is none."""
        first: list[int] = []
        last: list[int] = []
        for rows in self.reading.rows:
            table = BY_NAME[rows.table]
            if rows.table not in self.drafts or not table.sorted_by.endswith("_ns"):
                continue
            until = "ended_at_ns" if "ended_at_ns" in table.column_names else table.sorted_by
            found = self._db.execute(
                f"select min({table.sorted_by}), max({until}) from read_parquet({literal(str(self.drafts[rows.table]))})"
            ).fetchone()
            if found and found[0] is not None:
                first.append(found[0])
                last.append(found[1] if found[1] is not None else found[0])
        return min(first, default=None), max(last, default=None)


def _shortened(reasons: Counter[str]) -> dict[str, int]:
    """Return the most frequent reasons, the rest added up, so that a hostile file does not swell the manifest."""
    top = dict(reasons.most_common(_REASONS_IN_MANIFEST))
    rest = reasons.total() - sum(top.values())
    return {**top, "other reasons": rest} if rest else top


def group_names(pattern: str) -> list[str]:
    """Return the names of an RE2 pattern's groups, in order; groups without a name must be `(?:…)`."""
    import re

    return re.findall(r"\(\?P<(\w+)>", pattern)


def _connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    db = duckdb.connect()
    db.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    db.execute(f"set temp_directory = {literal(str(scratch / 'spill'))}")
    db.execute("set TimeZone = 'UTC'")
    db.execute("set enable_progress_bar = false")
    for macro in MACROS:
        db.execute(macro)
    return db


def _unreadable(reading: Reading) -> str:
    return "not a JSON object" if isinstance(reading.raw, JsonLines) else "not a line of this format"


def _columns(table: Table, rows: Rows, source_id: int) -> str:
    parts = [f"{source_id}::integer as source_id", "line"]
    for column in table.columns[2:]:
        expression = rows.columns.get(column.name, "null")
        if column.name in FREE_TEXT and expression != "null":
            expression = f"masked({expression})"
        parts.append(f"try_cast(try({expression}) as {column.type}) as {identifier(column.name)}")
    return ", ".join(parts)


def _check(rows: Rows) -> str:
    """Return SQL for the reason why a row's instants are impossible; null when they are not."""
    names = BY_NAME[rows.table].column_names
    conditions = []
    if "started_at_ns" in names and "ended_at_ns" in names and rows.table in ("requests", "proxy_requests"):
        start = f"try({rows.columns['started_at_ns']})"
        end = f"try({rows.columns['ended_at_ns']})"
        conditions = [
            f"when {start} is null and {end} is null then 'no time'",
            f"when {start} is null or {end} is null then 'no or impossible latency'",
            f"when {end} < {start} then 'negative latency'",
            f"when {start} not between {_EARLIEST_NS} and {_LATEST_NS} then 'time outside 2000 to 2100'",
            f"when {end} > {_LATEST_NS} then 'impossible latency'",
        ]
    else:
        for name in ("logged_at_ns", "received_at_ns", "observed_at_ns"):
            if name in names and name in rows.columns:
                instant = f"try({rows.columns[name]})"
                if name != "observed_at_ns":
                    conditions.append(f"when {instant} is null then 'no time'")
                conditions.append(
                    f"when {instant} not between {_EARLIEST_NS} and {_LATEST_NS} then 'time outside 2000 to 2100'"
                )
    return f"case {' '.join(conditions)} end" if conditions else "null"


def _csv_rows(path: Path, raw: Delimited) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    """Yield the rows of a CSV with quotes, each with the number of its first line."""
    csv.field_size_limit(min(sys.maxsize, text.MAX_LINE_BYTES))
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=raw.separator, strict=True)
        line = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Reject(line, f"broken quoting: {error}"[:80])
                line = reader.line_num + 1
                continue
            if not (raw.header and line == 1) and cells != [text.PLACEHOLDER.decode()]:
                yield line, {"fields": cells}
            line = reader.line_num + 1
