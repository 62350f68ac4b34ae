"""Write the reference pages that follow from the code (`just docs`). A test tells when one is stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zdtrace.recording.tables import SCHEMA_VERSION, TABLES, Table

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py: change the code it follows from. -->\n"


def recording() -> str:
    """Return the page of the recorded tables and their columns."""
    contents = "\n".join(f"- [`{table.name}`](#{table.name}): {table.doc}" for table in TABLES)
    return f"""# The tables of a recording

{NOTE}
Schema {SCHEMA_VERSION}. A table is the Parquet files in `tables/<table>/`, one a source.
Instants are whole nanoseconds since 1970 UTC.

{contents}

""" + "\n".join(map(_table, TABLES))


def _table(table: Table) -> str:
    rows = "\n".join(f"| `{column.name}` | {column.type} | {_cell(column.doc)} |" for column in table.columns)
    return f"""## {table.name}

{table.doc} Sorted by `{table.sorted_by}`.

| column | type | meaning |
|---|---|---|
{rows}
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "reference/recording.md": recording,
}
"""Path below `docs/`, and what writes it."""


if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
