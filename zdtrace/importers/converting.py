"""One importer's description at work in DuckDB: raw rows to Parquet, and whatever was not kept to rejects."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zdtrace.importers import judging
from zdtrace.importers.base import Head, Reading, Rows
from zdtrace.importers.raw import Raw
from zdtrace.importers.sql import MACROS, identifier, literal
from zdtrace.importers.text import Rejects
from zdtrace.recording.paths import exact
from zdtrace.recording.store import DraftFile
from zdtrace.recording.tables import BY_NAME, REJECTS, Table

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Draft:
    """A Parquet file that waits to be taken in, with the first and the last instant of its rows."""

    file: DraftFile
    first_at_ns: int | None = None
    last_at_ns: int | None = None


@dataclass(slots=True)
class Account:
    """What became of the lines: `lines` = `skipped` + `kept` + rejects, counted by their reasons."""

    lines: int = 0
    skipped: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    drafts: list[Draft] = field(default_factory=list)

    @property
    def rejects(self) -> int:
        """Rows that could not be read."""
        return self.reasons.total()

    def add(self, other: Account) -> None:
        """Take in the account of another part of the same file."""
        self.lines += other.lines
        self.skipped += other.skipped
        self.kept += other.kept
        self.reasons += other.reasons
        self.drafts += other.drafts


class Converter:
    """Converts parts of one file with its own DuckDB; `raw` reads them.

    Drafts go to `home`, what is needed on the way to `scratch`.
    """

    def __init__(
        self, source_id: int, head: Head, reading: Reading, home: Path, scratch: Path, *, memory: str, threads: int
    ) -> None:
        self.source_id = source_id
        self.reading = reading
        self.home = home
        self.scratch = scratch
        self._db = _connect(scratch, memory, threads)
        self.raw = Raw(self._db, head, reading, scratch)

    def write_tables(self, part: str) -> list[Draft]:
        """Write a draft for each table that has rows."""
        if self.reading.beside:
            self._db.execute(f"create or replace temp table beside as {self.reading.beside}")
        drafts = []
        for rows in self.reading.rows:
            table = BY_NAME[rows.table]
            path = self.home / f"{self.source_id}-{part}-{table.name}.parquet"
            select = judging.kept(self.reading, rows, self.source_id, self.raw.source, self.raw.line)
            if count := self._copy(select, table, path):
                drafts.append(Draft(DraftFile.sealed(table.name, path, count), *self._span(rows, path)))
        return drafts

    def rejects(self) -> Rejects:
        """Return where to tell of what cannot even be read, for `account`; one at a time."""
        return Rejects(self.scratch / "rejects.ndjson", withhold=self.reading.withhold_rejects)

    def account(
        self, part: str, drafts: list[Draft], lines: int, rejects: Rejects | None = None, skipped: int = 0
    ) -> Account:
        """Account for `lines` lines, of which `drafts` hold the rows kept; write all the rejects."""
        kept, spilled = sum(draft.file.rows for draft in drafts), rejects.count if rejects else 0
        is_complete = kept + skipped + spilled == lines
        by_definition, total = (0, kept) if is_complete else self.raw.count()
        account = Account(lines, skipped + by_definition, kept, Counter(), drafts)
        parts = []
        if total > by_definition + kept:
            shown = "null" if self.reading.withhold_rejects else "text"
            parts.append(
                f"select line, reason, {shown} as text from ({judging.judged(self.reading)}) where reason <> ''"
            )
        if rejects and spilled:
            rejects.flush()
            columns = "{'line': 'BIGINT', 'reason': 'VARCHAR', 'text': 'VARCHAR'}"
            parts.append(f"""
                select line, reason, text
                from read_json({literal(exact(rejects.path))}, format = 'newline_delimited', columns = {columns})
            """)
        if parts:
            self._write_rejects(account, part, " union all ".join(parts))
        return account

    def _write_rejects(self, account: Account, part: str, select: str) -> None:
        path = self.home / f"{self.source_id}-{part}-rejects.parquet"
        count = self._copy(
            f"""
            select {self.source_id}::integer as source_id, line, left(reason, 200) as reason,
                shape(left(text, 500)) as text
            from ({select}) order by line
            """,
            REJECTS, path,
        )
        if count:
            account.drafts.append(Draft(DraftFile.sealed(REJECTS.name, path, count)))
            top = f"select reason, count(*) from read_parquet({literal(exact(path))}) group by all"
            account.reasons.update(dict(self._db.execute(top).fetchall()))

    def _copy(self, select: str, table: Table, path: Path) -> int:
        docs = ", ".join(f"{identifier(column.name)}: {literal(column.doc)}" for column in table.columns)
        written = self._db.execute(f"""
            copy ({select}) to {literal(str(path))} (
                format parquet, parquet_version v2, compression zstd, compression_level 1,
                kv_metadata {{zdtrace_table: {literal(table.doc)}, {docs}}}
            )
        """).fetchone()
        return int(written[0]) if written else 0

    def _span(self, rows: Rows, path: Path) -> tuple[int | None, int | None]:
        """Return the first and the last instant of a draft; null for tables without."""
        begin = BY_NAME[rows.table].dated_by
        if not begin.endswith("_ns"):
            return None, None
        end = "ended_at_ns" if "ended_at_ns" in rows.columns else begin
        found = self._db.execute(f"""
            select min({begin}), max(coalesce({end}, {begin})) from read_parquet({literal(exact(path))})
        """).fetchone()
        return found or (None, None)

    def counted(self) -> dict[str, str]:
        """Return the parameters that only the whole file tells."""
        found = {}
        for name, aggregate in self.reading.counted.items():
            value = self._db.execute(f"select {aggregate} from raw").fetchone()
            if value and value[0]:
                found[name] = f"{value[0]:g}" if isinstance(value[0], float) else str(value[0])
        return found


def _connect(scratch: Path, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    import duckdb

    db = duckdb.connect()
    db.execute(f"set memory_limit = '{memory}'; set threads = {threads}")
    db.execute(f"set temp_directory = {literal(str(scratch / 'spill'))}")
    db.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
    for macro in MACROS:
        db.execute(macro)
    return db
