"""Write the reference pages that follow from the code (`just docs`). A test tells when one is stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zdtrace.analysis.catalog import Query, library
from zdtrace.importers import IMPORTERS
from zdtrace.recording.tables import SCHEMA_VERSION, TABLES, Table

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py: change the code it follows from. -->\n"


def recording() -> str:
    """Return the page of the recorded tables and their columns."""
    contents = "\n".join(f"- [`{table.name}`](#{table.name}): {table.doc}" for table in TABLES)
    return f"""# The tables of a recording

{NOTE}
Schema {SCHEMA_VERSION}. A table is the Parquet files in `tables/<table>/`, one or more a source.
Instants are whole nanoseconds since 1970 UTC.

{contents}

""" + "\n".join(map(_table, TABLES))


def _table(table: Table) -> str:
    rows = "\n".join(f"| `{column.name}` | {column.type} | {_cell(column.doc)} |" for column in table.columns)
    return f"""## {table.name}

{table.doc} In the order of the source; dated by `{table.dated_by}`.

| column | type | meaning |
|---|---|---|
{rows}
"""


def causes() -> str:
    """Return the page of the causes that a failed request may get."""
    found = [query for query in library().values() if query.schema == "causes" and query.name != "every"]
    return f"""# Causes

{NOTE}
A failed request gets the cause of its last try; where none of these holds it is `unattributed`, and shown as that.

""" + "\n".join(_cause(query) for query in sorted(found, key=lambda query: query.name))


def _cause(query: Query) -> str:
    fields = query.fields
    return f"""## {query.name}

**{fields["Title"]}.** {query.summary}

- What to do: {fields["Remedy"]}
- Does a preStop hook help? {fields["Prestop helps"]}
- It is not this when {fields["Not when"]}
- What tells it: {fields["Told by"]}
- See: <{fields["See"]}>
"""


def queries() -> str:
    """Return the page of the SQL library."""
    found = [query for query in library().values() if not query.is_macro]
    layers: dict[str, list[Query]] = {}
    for query in sorted(found, key=lambda query: query.full_name):
        layers.setdefault(query.schema, []).append(query)
    order = [name for name in ("staging", "timeline", "causes", "findings", "checks") if name in layers]
    return f"""# The SQL library

{NOTE}
`zdtrace sql REC` opens a recording in DuckDB with all of these in place; `zdtrace queries NAME` prints one whole.

""" + "\n".join(f"# {name}\n\n" + "\n".join(map(_query, layers[name])) for name in order)


def _query(query: Query) -> str:
    rows = "\n".join(f"| `{column.name}` | {column.type} | {_cell(column.doc)} |" for column in query.columns)
    settings = "".join(
        f"- setting `{param.name}` ({param.type}, {param.default}): {param.doc}\n" for param in query.params
    )
    return f"""## {query.full_name}

{query.summary} {query.fields.get("Grain", "").capitalize()}.

{settings}
| column | type | meaning |
|---|---|---|
{rows}
"""


def formats() -> str:
    """Return the page of the formats that an import knows, in the order in which they are asked."""
    rows = "\n".join(f"| `{each.name}` | {_cell(each.title)} | {each.clock} |" for each in IMPORTERS)
    return f"""# Formats

{NOTE}
A file is known by its content; these are asked in this order. `--format NAME` overrules. Some are known only to be
refused with advice, because they hold no single requests.

| name | what it is | its clock |
|---|---|---|
{rows}
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "reference/causes.md": causes,
    "reference/formats.md": formats,
    "reference/queries.md": queries,
    "reference/recording.md": recording,
}
"""Path below `docs/`, and what writes it."""


if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
