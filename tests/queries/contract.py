"""What a query's header promises, and how far its SQL is from that.

Each function returns the drifts it found in words; none means that the contract holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import sqlglot
from duckdb import DuckDBPyConnection
from sqlglot import exp

from zdtrace.analysis.catalog import EVERY_CAUSE_COLUMNS, Query

BELOW = {
    "clocks": {"recording", "clocks"},
    "staging": {"recording", "clocks", "staging"},
    "timeline": {"clocks", "staging", "timeline"},
    "causes": {"staging", "timeline"},
    "findings": {"staging", "timeline", "causes", "findings"},
    "checks": {"recording", "clocks", "staging", "timeline", "checks"},
}
"""From which schemas a query may read; checks judge what was recorded, so they may look at it."""
CAUSE_TYPES = dict(zip(EVERY_CAUSE_COLUMNS, (
    "VARCHAR", "INTEGER", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "VARCHAR", "DOUBLE", "VARCHAR", "VARCHAR",
), strict=True))
CAUSE_WORDS = ("Title", "Remedy", "Prestop helps", "Not when", "Told by", "See")
UNITS = {
    "BOOLEAN": r"^(is|has)_",
    "DOUBLE": r"(_ms|_s|_ratio)$|^weight$",
    "TIMESTAMP WITH TIME ZONE": r"_at$",
    "BIGINT": r"(_ns|_ms|_s|_count)$|^(line|exit_code)$",
}
"""What a column of a type may be called: an instant, a length, a count, or a whole number without unit."""
MADE_BY_ENGINE = {"has_client_requests"}


def sql_of(query: Query) -> exp.Expr:
    """Return the query as sqlglot reads it."""
    return sqlglot.parse_one(query.sql, read="duckdb")


def columns_drift(query: Query, db: DuckDBPyConnection) -> Iterator[str]:
    """Yield where documented columns differ from real ones in name, type or order."""
    real = [(name, type_) for name, type_, *_ in db.execute(f"describe {query.sql}").fetchall()]
    documented = [(column.name, column.type) for column in query.columns]
    if real != documented:
        yield f"{query.full_name}: documented but not real {_without(documented, real)}, " \
              f"real but not documented {_without(real, documented)}, or in another order"


def _without(some: Iterable[tuple[str, str]], others: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    known = set(others)
    return [each for each in some if each not in known]


def reads_drift(query: Query) -> Iterator[str]:
    """Yield where `Reads` differs from the tables that the parser finds."""
    found = {f"{table.db}.{table.name}" for table in sql_of(query).find_all(exp.Table) if table.db}
    if found != set(query.reads):
        yield f"{query.full_name}: Reads and SQL differ in {sorted(found ^ set(query.reads))}"


def needs_drift(query: Query) -> Iterator[str]:
    """Yield what a query says that it needs, and would have rows without."""
    for name in sorted(set(query.needs) - needs_of(sql_of(query), {})):
        yield f"{query.full_name} may have rows without {name}"


def needs_of(statement: exp.Expr | None, named: Mapping[str, set[str]]) -> set[str]:
    """Return the tables without whose rows a select has none either; `named` are those of its `with`."""
    if isinstance(statement, exp.Table):
        return {f"{statement.db}.{statement.name}"} if statement.db else set(named.get(statement.name, ()))
    if isinstance(statement, exp.Subquery):
        return needs_of(statement.this, named)
    if not isinstance(statement, exp.Query):
        return set()
    for each in statement.ctes:
        named = {**named, each.alias: needs_of(each.this, named)}
    if isinstance(statement, exp.SetOperation):
        left, right = needs_of(statement.left, named), needs_of(statement.right, named)
        return left & right if isinstance(statement, exp.Union) else left
    return set() if _is_one_row(statement) else _rows_needed(statement, named)


def _is_one_row(select: exp.Expr) -> bool:
    """Tell whether a select aggregates without groups: of nothing it makes a row."""
    found = (each for column in select.expressions for each in column.find_all(exp.AggFunc, exp.Anonymous))
    return not select.args.get("group") and any(
        not each.find_ancestor(exp.Window) and each.parent_select is select
        and (isinstance(each, exp.AggFunc) or each.name.lower() in {"histogram", "list", "bool_and", "bool_or"})
        for each in found
    )


def _rows_needed(select: exp.Expr, named: Mapping[str, set[str]]) -> set[str]:
    source = select.args.get("from_")
    found = needs_of(source.this, named) if source else set()
    for join in select.args.get("joins") or ():
        joined, side, kind = needs_of(join.this, named), (join.side or "").upper(), (join.kind or "").upper()
        if side == "FULL":
            found &= joined
        elif side == "RIGHT":
            found = joined
        elif side != "LEFT" and kind != "ANTI":
            found |= joined
    where = select.args.get("where")
    for part in where.this.flatten() if where and isinstance(where.this, exp.And) else [where.this] if where else ():
        if isinstance(part, exp.Exists):
            found |= needs_of(part.this, named)
        elif isinstance(part, exp.In) and part.args.get("query"):
            found |= needs_of(part.args["query"], named)
    return found


def layers_drift(query: Query) -> Iterator[str]:
    """Yield what a query reads from a layer above its own."""
    for name in query.reads:
        if name.split(".")[0] not in BELOW[query.schema]:
            yield f"{query.full_name} reads {name}"


def star_drift(query: Query) -> Iterator[str]:
    """Yield queries whose result is whatever their source holds."""
    for select in _results(sql_of(query)):
        if any(isinstance(each, exp.Star) or each.is_star for each in select.expressions):
            yield f"{query.full_name} ends in select *"


def _results(statement: exp.Expr) -> Iterator[exp.Select]:
    """Yield the selects whose rows are the result: one, or the arms of a union."""
    if isinstance(statement, exp.SetOperation):
        yield from _results(statement.left)
        yield from _results(statement.right)
    elif isinstance(statement, exp.Select):
        yield statement


def units_drift(query: Query) -> Iterator[str]:
    """Yield columns whose name hides their unit."""
    for column in query.columns:
        wanted = UNITS.get(column.type)
        if wanted and not re.search(wanted, column.name):
            yield f"{query.full_name}.{column.name} {column.type}: want a name like {wanted}"


def cause_drift(query: Query) -> Iterator[str]:
    """Yield what a cause lacks of what all causes have."""
    first = {column.name: column.type for column in query.columns[: len(CAUSE_TYPES)]}
    if list(first.items()) != list(CAUSE_TYPES.items()):
        yield f"{query.full_name}: begins with {first}"
    for word in CAUSE_WORDS:
        if not query.fields.get(word):
            yield f"{query.full_name}: no {word}"
    if not query.fields.get("See", "").startswith("https://"):
        yield f"{query.full_name}: See is no address"
    if not re.match(r"yes|no|partly", query.fields.get("Prestop helps", "")):
        yield f"{query.full_name}: Prestop helps yes, no or partly"


def header_drift(query: Query) -> Iterator[str]:
    """Yield what is left out of a header."""
    if not query.summary.endswith("."):
        yield f"{query.full_name}: no sentence at the top"
    if not query.fields.get("Grain", "").startswith(("one row", "no row")):
        yield f"{query.full_name}: no Grain"
    open_ended = (each for each in query.columns if not each.doc.endswith((".", "…")))
    yield from (f"{query.full_name}.{each.name}: {each.doc!r}" for each in open_ended)


def params_drift(queries: Iterable[Query]) -> Iterator[str]:
    """Yield settings that nobody reads, and those that somebody reads and nobody documents."""
    queries = list(queries)
    documented = {param.name for query in queries for param in query.params}
    read = {name for query in queries for name in re.findall(r"getvariable\('(\w+)'\)", query.sql)}
    yield from (f"nobody reads {name}" for name in sorted(documented - read))
    yield from (f"nobody documents {name}" for name in sorted(read - documented - MADE_BY_ENGINE))
