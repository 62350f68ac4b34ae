"""Read the SQL library: folder = schema, file = view, header = contract.

A query file is a comment header, then one bare `select` (in `macros/`: one `create macro`). The header names
what it reads and documents each column, so that the order of creation, DuckDB's own catalogue and the
report's words come from one place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources.abc import Traversable

from zdtrace.errors import QueryError
from zdtrace.resources import folder

_FIELD = re.compile(r"^([A-Z][A-Za-z ]*?):\s*(.*)$")
_COLUMN = re.compile(r"^  (\w+) +([A-Z]\S*(?: [A-Z]\S*)*?) {2,}(\S.*)$")
_PARAM = re.compile(r"^  (\w+) +([A-Z]+) +(\S+) {2,}(\S.*)$")
_WORDS = (
    "Kind", "Grain", "Reads", "Needs", "Params", "Columns", "Title", "Clause", "Where", "Remedy", "Fixed by",
    "Prestop helps", "Not when", "Told by", "See", "Severity",
)
EVERY_CAUSE = "causes.every"
EVERY_CAUSE_COLUMNS = (
    "request_id", "attempt", "evidence_at", "evidence_ref", "tier", "weight", "pod_uid", "pod_trigger",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A documented column; `doc` says the unit and what null means."""

    name: str
    type: str
    doc: str


@dataclass(frozen=True, slots=True)
class Param:
    """A setting that a query reads with `getvariable`."""

    name: str
    type: str
    default: str
    doc: str


@dataclass(frozen=True, slots=True)
class Query:
    """One file of the library. `fields` are the header's other words, `Title` and so on.

    `needs` are those of its `reads` without whose rows it has none either.
    """

    schema: str
    name: str
    summary: str
    sql: str
    reads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    params: tuple[Param, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """`schema.name`, as SQL calls it."""
        return f"{self.schema}.{self.name}"

    @property
    def is_table(self) -> bool:
        """Whether its rows are kept because several queries read them."""
        return self.fields.get("Kind") == "table"

    @property
    def is_solved(self) -> bool:
        """Whether the analysis fills it with what it decided from other queries; its SQL only names the columns."""
        return self.fields.get("Kind") == "solved"

    @property
    def is_macro(self) -> bool:
        """Whether it defines a function instead of rows."""
        return self.schema == "macros"


def parse(schema: str, name: str, text: str) -> Query:
    """Return the query that a file's text defines. Raises QueryError for a malformed header."""
    header = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        header.append(line[2:].removeprefix(" "))
    fields: dict[str, str] = {}
    columns: list[Column] = []
    params: list[Param] = []
    summary: list[str] = []
    section = None
    for number, line in enumerate(header, 1):
        where = f"queries/{schema}/{name}.sql:{number}"
        found = _FIELD.match(line)
        if found and found[1] in _WORDS:
            section = found[1]
            fields[section] = found[2].strip()
        elif section in ("Columns", "Params") and line.strip():
            _add_entry(section, line, where, columns, params)
        elif section is None and line.strip():
            summary.append(line.strip())
        elif section is not None and line.strip():
            fields[section] += f" {line.strip()}"
    reads, needs = (tuple(filter(None, re.split(r",\s*", fields.get(each, "")))) for each in ("Reads", "Needs"))
    return Query(schema, name, " ".join(summary), text, reads, needs, tuple(columns), tuple(params), fields)


def _add_entry(section: str, line: str, where: str, columns: list[Column], params: list[Param]) -> None:
    if section == "Columns" and (found := _COLUMN.match(line)):
        columns.append(Column(found[1], found[2], found[3]))
    elif section == "Params" and (found := _PARAM.match(line)):
        params.append(Param(found[1], found[2], found[3], found[4]))
    elif line.startswith("   ") and (columns or params):
        last = columns if section == "Columns" else params
        _continue(last, line.strip())
    else:
        raise QueryError(f"{where}: want `  name  TYPE  text`, got {line!r}")


def _continue(entries: list[Column] | list[Param], text: str) -> None:
    last = entries.pop()
    if isinstance(last, Column):
        entries.append(Column(last.name, last.type, f"{last.doc} {text}"))  # type: ignore[arg-type] # same kind as popped
    else:
        entries.append(Param(last.name, last.type, last.default, f"{last.doc} {text}"))  # type: ignore[arg-type] # as above


@cache
def library() -> Mapping[str, Query]:
    """Return every shipped query by its full name, `causes.every` among them, each after what it reads."""
    return in_order(with_every_cause(read(folder("queries"))))


def read(root: Traversable) -> dict[str, Query]:
    """Return the queries below a folder by full name."""
    found = (
        parse(schema.name, file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for schema in sorted(root.iterdir(), key=lambda each: each.name)
        if schema.is_dir()
        for file in sorted(schema.iterdir(), key=lambda each: each.name)
        if file.name.endswith(".sql")
    )
    return {query.full_name: query for query in found}


def with_every_cause(queries: Mapping[str, Query]) -> dict[str, Query]:
    """Return the queries and `causes.every`: all causes one under the other, each row with its cause.

    It holds the text of each cause: a view of its own would be planned once more.
    """
    causes = [query for query in queries.values() if query.schema == "causes"]
    if not causes:
        return dict(queries)
    own = causes[0].columns[: len(EVERY_CAUSE_COLUMNS)]
    columns = (Column("cause", "VARCHAR", "Name of the cause."), *own)
    every = Query(
        "causes", "every", "Every cause that explains a failed attempt.", union_of(causes),
        tuple(each.full_name for each in causes), (), columns,
        fields={"Kind": "table", "Grain": "one row per attempt and cause"},
    )
    return {**queries, every.full_name: every}


def union_of(causes: Iterable[Query]) -> str:
    """Return SQL for the rows of several causes, one under the other."""
    names = ", ".join(EVERY_CAUSE_COLUMNS)
    return "\nunion all\n".join(
        f"select '{each.name}' as cause, {names} from (\n{each.sql.rstrip()}\n)" for each in causes
    )


def in_order(queries: Mapping[str, Query]) -> dict[str, Query]:
    """Return the queries so that each comes after what it reads, macros first.

    Raises QueryError for a circle, or for a query that reads what does not exist.
    """
    graph = {
        query.full_name: [each for each in query.reads if not each.startswith("recording.")]
        for query in queries.values()
    }
    try:
        names = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise QueryError(f"queries read each other in a circle: {' -> '.join(error.args[1])}") from error
    missing = [name for name in names if name not in queries]
    if missing:
        raise QueryError(f"no query is called {missing[0]}")
    macros_first = sorted(names, key=lambda name: not queries[name].is_macro)
    return {name: queries[name] for name in macros_first}


def needed_for(*names: str) -> Iterator[Query]:
    """Yield the queries that the named ones stand on, and these, in order; macros always."""
    everything = library()
    wanted = set(names)
    for query in reversed(list(everything.values())):
        if query.full_name in wanted:
            wanted.update(stands_on(query))
    return (query for query in everything.values() if query.is_macro or query.full_name in wanted)


def stands_on(query: Query) -> set[str]:
    """Return what has to be there before a query can be made; tables of the recording are."""
    queries = library()
    reads = set(query.reads)
    if query.full_name == EVERY_CAUSE:
        reads = {name for cause in query.reads for name in queries[cause].reads}
    return reads & queries.keys()
