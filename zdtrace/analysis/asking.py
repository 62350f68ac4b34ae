"""A user's own SQL on a recording: every view in place, nothing that could change a file or leave the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zdtrace.analysis.engine import Engine
from zdtrace.errors import QueryError
from zdtrace.recording.paths import exact
from zdtrace.recording.store import Recording
from zdtrace.recording.tables import TABLES

if TYPE_CHECKING:
    import duckdb

_PORTION = 1000
# As text, because Python has no type for some of DuckDB's, nor, without pytz, for its instants with a zone.
_AS_TEXT = "select columns(*)::varchar from (\n{}\n) as answer"
_AS_OBJECTS = "select to_json(answer)::varchar from (\n{}\n) as answer"
_ASKING = ("SELECT", "MULTI")  # MULTI is a pivot
_IN_MEMORY = ("ALTER", "CREATE", "DELETE", "DROP", "INSERT", "SET", "UPDATE")
_HINT = "`zdtrace queries` lists every view with its columns"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement answers: rows of text, null is None; asked for as objects, a line of JSON each."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[str | None, ...]]


class Console:
    """A recording that answers SQL. Raises QueryError for SQL that is wrong, or that would reach outside."""

    def __init__(self, recording: Recording, settings: Mapping[str, str] | None = None) -> None:
        engine = Engine(recording, settings)
        engine.make_all()
        files = [path for table in TABLES for path in recording.files(table.name)]
        # DuckDB asks twice: for the name that a view says, and for the file that it finds by that.
        allowed = [name for path in files for name in (str(Path(path).absolute()), exact(path))]
        self._db = engine.db
        self._db.execute(f"set allowed_paths = [{', '.join(map(_quoted, allowed))}]")
        self._db.execute("set enable_external_access = false; set lock_configuration = true")

    def ask(self, sql: str, *, as_objects: bool = False) -> Iterator[Answer]:
        """Run statements one after the other and yield the answer of each that has one.

        The rows of an answer are gone when the next statement runs.
        """
        import duckdb

        if not sql.isascii() and sql != sql.encode(errors="replace").decode():
            raise QueryError("this SQL is not text: it holds half a character", hint="write it in UTF-8")
        try:
            for statement in self._db.extract_statements(sql):
                yield from self._run(statement, as_objects)
        except duckdb.Error as error:
            raise QueryError(str(error).strip(), hint=_HINT) from None

    def _run(self, statement: duckdb.Statement, as_objects: bool) -> Iterator[Answer]:
        kind, query = statement.type.name, _bare(statement.query)
        if kind == "EXPLAIN":
            yield self._explained(query)
        elif kind in _ASKING:
            # Wrapped, so that it can be nothing but a question: the recording's own files may be written otherwise.
            result = self._db.execute((_AS_OBJECTS if as_objects else _AS_TEXT).format(query))
            yield Answer(tuple(column[0] for column in result.description or ()), _rows(result))
        elif kind in _IN_MEMORY:
            self._db.execute(statement)
        else:
            raise QueryError(
                f"{kind} is not run here: a recording is read, nothing else is written or loaded",
                hint="write an answer to a file with `zdtrace sql REC -c … -o csv > FILE`",
            )

    def _explained(self, query: str) -> Answer:
        """Return the plan of a query. EXPLAIN ANALYZE would run whatever stands behind it."""
        if not re.match(r"explain\s+(select|from|with)\b", query, re.IGNORECASE):
            raise QueryError("only `explain select …` is run here", hint="leave out what stands between them")
        plans = self._db.execute(query).fetchall()
        return Answer(("plan",), iter([(line,) for _, plan in plans for line in str(plan).splitlines()]))


def _bare(sql: str) -> str:
    """Return a statement without the semicolon, and the comments, at its end."""
    import duckdb

    for start, kind in reversed(duckdb.tokenize(sql)):
        if kind != duckdb.token_type.comment:
            return sql[:start] if sql[start] == ";" else sql
        sql = sql[:start]
    return sql


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while portion := result.fetchmany(_PORTION):
        yield from portion


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
