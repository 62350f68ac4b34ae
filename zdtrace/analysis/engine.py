"""DuckDB over one recording, with the views of the SQL library in place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from zdtrace.analysis.catalog import EVERY_CAUSE, Param, Query, library, needed_for, stands_on, union_of
from zdtrace.analysis.clocks import Solution, solve_recording
from zdtrace.analysis.making import make_all
from zdtrace.errors import QueryError, RecordingError, UsageError
from zdtrace.recording.paths import exact
from zdtrace.recording.store import Recording
from zdtrace.recording.tables import TABLES, Table

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "1500MB"

_SOURCES = (
    ("source_id", "INTEGER"),
    ("name", "VARCHAR"),
    ("format", "VARCHAR"),
    ("clock", "VARCHAR"),
    ("resolution_ns", "BIGINT"),
    ("shows_failures", "BOOLEAN"),
    ("first_at_ns", "BIGINT"),
    ("last_at_ns", "BIGINT"),
    ("rows_in", "BIGINT"),
    ("rows_kept", "BIGINT"),
    ("rejects", "BIGINT"),
    ("request_count", "BIGINT"),
    ("proxy_request_count", "BIGINT"),
    ("object_count", "BIGINT"),
)


class Engine:
    """A DuckDB connection on a recording. `settings` overrule the defaults of the queries' `Params`."""

    def __init__(self, recording: Recording, settings: Mapping[str, str] | None = None) -> None:
        import duckdb

        self.recording = recording
        self.db = duckdb.connect()
        # DuckDB spills into the working directory otherwise, and makes the folder only when it needs one.
        spill = Path(gettempdir()) / f"zdtrace-spill-{os.getpid()}-{token_hex(4)}"
        self.db.execute(f"set memory_limit = '{MEMORY_LIMIT}'; set temp_directory = {_quoted(str(spill))}")
        self._beside: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        self._made: set[str] = set()
        self._empty: set[str] = set()
        self._answers: dict[str, list[dict[str, Any]]] = {}
        self._clocks: Solution | None = None
        self._commented: set[str] = set()
        self._settings = _settled(settings or {})
        self._settle(self.db)
        self._define_recording()

    def make(self, *names: str, comments: bool = False) -> None:
        """Create the named queries and everything they stand on; those that are there are left alone."""
        needed = list(needed_for(*names))
        self._make_missing(needed)
        for query in needed if comments else ():
            if query.full_name not in self._commented:
                self._comment(query)
                self._commented.add(query.full_name)

    def ask_all(self, queries: Sequence[Query], *names: str) -> list[list[dict[str, Any]]]:
        """Return the rows of queries that no other reads, in their order, and make `names` beside them.

        No views are made of them: DuckDB would plan each twice.
        """
        reads = set().union(*map(stands_on, queries))
        self._answers = {query.full_name: [] for query in queries}
        self._make_missing([*needed_for(*names, *reads), *queries])
        self._made -= self._answers.keys()
        answers, self._answers = self._answers, {}
        return list(answers.values())

    def make_all(self) -> None:
        """Create the whole library with its documentation, for somebody who looks around."""
        self.make(*library(), comments=True)

    def rows(self, sql: str, parameters: Iterable[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query as dictionaries, for results that are small. Parameters stand for ? or $name."""
        return _dicts(self.db.execute(sql, dict(parameters) if isinstance(parameters, Mapping) else list(parameters)))

    def _define_recording(self) -> None:
        import duckdb

        self.db.execute("create schema recording")
        for table in TABLES:
            try:
                self.db.execute(f"create view recording.{table.name} as {self._scan(table)}")
            except duckdb.Error as error:
                raise RecordingError(
                    f"table {table.name} of `{self.recording.folder}` cannot be read: {error}",
                    hint="its files are damaged: import the sources again",
                ) from error
        columns = ", ".join(f"{name} {type_}" for name, type_ in _SOURCES)
        self.db.execute(f"create table recording.sources ({columns})")
        values: list[Any] = []
        for source in self.recording.manifest.sources:
            rows = source.rows_by_table
            known = {
                **source.as_json(),
                "request_count": rows.get("requests", 0),
                "proxy_request_count": rows.get("proxy_requests", 0),
                "object_count": rows.get("objects", 0),
            }
            values += [known[name] for name, _ in _SOURCES]
        if values:
            row = f"({', '.join('?' for _ in _SOURCES)})"
            rows_of_all = ", ".join(row for _ in self.recording.manifest.sources)
            self.db.execute(f"insert into recording.sources values {rows_of_all}", values)

    def _scan(self, table: Table) -> str:
        """Return SQL for a table's rows; columns that an older recording lacks are null."""
        files = self.recording.files(table.name)
        if not files:
            self._empty.add(f"recording.{table.name}")
            return _no_rows(table)
        paths = ", ".join(_quoted(exact(path)) for path in files)
        described = self.db.execute(f"describe from read_parquet([{paths}], union_by_name = true)")
        present = {row[0] for row in described.fetchall()}
        columns = ", ".join(
            column.name if column.name in present else f"null::{column.type} as {column.name}"
            for column in table.columns
        )
        return f"select {columns} from read_parquet([{paths}], union_by_name = {str(len(files) > 1).lower()})"

    def _settle(self, db: duckdb.DuckDBPyConnection) -> None:
        """Give a session what all of them share: queries read the settings as variables."""
        import duckdb

        db.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
        for param, value in self._settings:
            try:
                db.execute(f"set variable {param.name} = ?::{param.type}", [value])
            except duckdb.Error:
                raise UsageError(
                    f"setting `{param.name}` is {param.type}, not `{value}`",
                    hint=f"by default it is {param.default}",
                ) from None
        has_clients = any("requests" in source.rows_by_table for source in self.recording.manifest.sources)
        db.execute(f"set variable has_client_requests = {str(has_clients).lower()}")

    def _make_missing(self, queries: Iterable[Query]) -> None:
        missing = [query for query in queries if query.full_name not in self._made]
        for schema in {query.schema for query in missing if not query.is_macro}:
            self.db.execute(f"create schema if not exists {schema}")
        make_all(missing, self._made, self)

    def takes_time(self, query: Query) -> bool:
        """Tell whether it is a table, or has to be answered, and something is to be found out of it."""
        return (query.is_table or query.full_name in self._answers) and not self._is_idle(query)

    def create(self, query: Query) -> None:
        """Create a view, a table without rows, or a table of the clocks' solution."""
        import duckdb

        try:
            if query.is_macro:
                self.db.execute(query.sql)
            elif query.full_name in self._answers:
                return
            elif query.is_solved:
                self.db.execute(f"create table {query.full_name} as {query.sql}")
                self._fill(query)
            elif self._is_idle(query):
                self._create_empty(self.db, query)
            else:
                self.db.execute(f"create view {query.full_name} as {query.sql}")
        except duckdb.Error as error:
            raise QueryError(f"query {query.full_name} failed: {error}") from error

    def create_beside(self, query: Query) -> None:
        """Create a table, or keep an answer, in a session that no other thread uses."""
        import duckdb

        try:
            db = self._beside.get_nowait()
        except Empty:
            db = self.db.cursor()
            self._settle(db)
        try:
            if query.full_name in self._answers:
                self._answers[query.full_name] = _dicts(db.execute(query.sql))
            else:
                self._create_table(db, query)
        except duckdb.Error as error:
            raise QueryError(f"query {query.full_name} failed: {error}") from error
        finally:
            self._beside.put(db)

    def _create_table(self, db: duckdb.DuckDBPyConnection, query: Query) -> None:
        rows = db.execute(f"create table {query.full_name} as {self._rows_of(query)}").fetchall()
        if rows == [(0,)]:
            db.execute(f"drop table {query.full_name}")
            self._create_empty(db, query)

    def _is_idle(self, query: Query) -> bool:
        """Tell whether something that it needs is known to have no rows: then DuckDB need not plan it."""
        return not self._empty.isdisjoint(query.needs)

    def _create_empty(self, db: duckdb.DuckDBPyConnection, query: Query) -> None:
        """Create what has no rows, as a view that says so: DuckDB leaves out joins with it, not so with a table."""
        db.execute(f"create view {query.full_name} as {_no_rows(query)}")
        self._empty.add(query.full_name)

    def _rows_of(self, query: Query) -> str:
        if query.full_name != EVERY_CAUSE:
            return query.sql
        busy = [cause for cause in map(library().__getitem__, query.reads) if not self._is_idle(cause)]
        return union_of(busy) if busy else _no_rows(query)

    def _fill(self, query: Query) -> None:
        """Fill a table of the clocks' solution, which is found once."""
        if self._clocks is None:
            self._clocks = solve_recording(self)
        rows = self._clocks.rows(query.name)
        if rows:
            marks = ", ".join("?" for _ in query.columns)
            every = ", ".join(f"({marks})" for _ in rows)
            self.db.execute(f"insert into {query.full_name} values {every}", [value for row in rows for value in row])

    def _comment(self, query: Query) -> None:
        if query.is_macro:
            return
        kind = "table" if query.is_solved or (query.is_table and query.full_name not in self._empty) else "view"
        self.db.execute(f"comment on {kind} {query.full_name} is {_quoted(query.summary)}")
        for column in query.columns:
            self.db.execute(f"comment on column {query.full_name}.{column.name} is {_quoted(column.doc)}")


def _settled(settings: Mapping[str, str]) -> list[tuple[Param, str]]:
    """Return each setting of the library with its value. Raises UsageError for one that it has not."""
    known = {param.name: param for query in library().values() for param in query.params}
    for name in settings:
        if name not in known:
            raise UsageError(f"no query has a setting `{name}`", hint=f"settings: {', '.join(sorted(known))}")
    return [(param, settings.get(param.name, param.default)) for param in known.values()]


def _dicts(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _no_rows(of: Query | Table) -> str:
    return f"select {', '.join(f'null::{each.type} as {each.name}' for each in of.columns)} where false"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
