"""What is in the files of a recording, read without zdtrace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb


def in_table(folder: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Return columns of all rows of a table; none when nothing of it was recorded."""
    files = list(map(str, (folder / "tables" / table).glob("*.parquet")))
    if not files:
        return []
    with duckdb.connect() as db:
        return db.execute(f"select {columns} from read_parquet($files)", {"files": files}).fetchall()
