"""DuckDB over one recording, with the views of the SQL library in place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from zdtrace.analysis.catalog import Param, Query, library, needed_for
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
        self._clocks: Solution | None = None
        self._commented: set[str] = set()
        self._settings = _settled(settings or {})
        self._settle(self.db)
        self._define_recording()

    def make(self, *names: str, comments: bool = False) -> None:
        """Create the named queries and everything they stand on; those that are there are left alone."""
        needed = list(needed_for(*names))
        missing = [query for query in needed if query.full_name not in self._made]
        self._make_schemas(missing)
        make_all(missing, self._made, self._create, self._create_beside)
        for query in needed if comments else ():
            if query.full_name not in self._commented:
                self._comment(query)
                self._commented.add(query.full_name)

    def ask(self, query: Query) -> list[dict[str, Any]]:
        """Return the rows of a query that no other reads. No view is made of it: DuckDB would plan it twice."""
        import duckdb

        self.make(*(each for each in query.reads if each in library()))
        try:
            return self.rows(query.sql)
        except duckdb.Error as error:
            raise QueryError(f"query {query.full_name} failed: {error}") from error

    def make_all(self) -> None:
        """Create the whole library with its documentation, for somebody who looks around."""
        self.make(*library(), comments=True)

    def rows(self, sql: str, parameters: Iterable[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query as dictionaries, for results that are small. Parameters stand for ? or $name."""
        result = self.db.execute(sql, dict(parameters) if isinstance(parameters, Mapping) else list(parameters))
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

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
            empty = ", ".join(f"null::{column.type} as {column.name}" for column in table.columns)
            return f"select {empty} where false"
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

    def _make_schemas(self, queries: Iterable[Query]) -> None:
        for schema in {query.schema for query in queries if not query.is_macro}:
            self.db.execute(f"create schema if not exists {schema}")

    def _create(self, query: Query) -> None:
        import duckdb

        try:
            if query.is_macro:
                self.db.execute(query.sql)
                return
            self.db.execute(f"create {_kind(query)} {query.full_name} as {query.sql}")
            if query.is_solved:
                self._fill(query)
        except duckdb.Error as error:
            raise QueryError(f"query {query.full_name} failed: {error}") from error

    def _create_beside(self, query: Query) -> None:
        """Create a table in a session that no other thread uses."""
        import duckdb

        try:
            db = self._beside.get_nowait()
        except Empty:
            db = self.db.cursor()
            self._settle(db)
        try:
            db.execute(f"create table {query.full_name} as {query.sql}")
        except duckdb.Error as error:
            raise QueryError(f"query {query.full_name} failed: {error}") from error
        finally:
            self._beside.put(db)

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
        self.db.execute(f"comment on {_kind(query)} {query.full_name} is {_quoted(query.summary)}")
        for column in query.columns:
            self.db.execute(f"comment on column {query.full_name}.{column.name} is {_quoted(column.doc)}")


def _settled(settings: Mapping[str, str]) -> list[tuple[Param, str]]:
    """Return each setting of the library with its value. Raises UsageError for one that it has not."""
    known = {param.name: param for query in library().values() for param in query.params}
    for name in settings:
        if name not in known:
            raise UsageError(f"no query has a setting `{name}`", hint=f"settings: {', '.join(sorted(known))}")
    return [(param, settings.get(param.name, param.default)) for param in known.values()]


def _kind(query: Query) -> str:
    return "table" if query.is_table or query.is_solved else "view"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
