"""Custom logs of an nginx whose `log_format` stands in a ConfigMap that was recorded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from zdtrace.errors import UsageError
from zdtrace.importers.nginx_log_format import compiled, log_format_of
from zdtrace.recording.paths import exact
from zdtrace.recording.tables import OBJECTS

if TYPE_CHECKING:
    from zdtrace.importers.base import Head
    from zdtrace.recording.store import Writer


def formats_in(writer: Writer) -> tuple[str, ...]:
    """Return the formats that recorded ConfigMaps ask for, each once, in a fixed order."""
    import duckdb

    files = [exact(writer.folder / file.path) for file in writer.manifest.files if file.table == OBJECTS.name]
    if not files:
        return ()
    with duckdb.connect() as db:
        config_maps = "select distinct object from read_parquet($1) where kind = 'ConfigMap'"
        rows = db.execute(config_maps, [files]).fetchall()
    found = {_format_in(json.loads(row[0])) for row in rows}
    return tuple(sorted(each for each in found if each))


def _format_in(config_map: dict[str, object]) -> str | None:
    data = config_map.get("data")
    if not isinstance(data, dict):
        return None
    return log_format_of({key: value for key, value in data.items() if isinstance(value, str)})


def fits(head: Head, log_format: str) -> bool:
    """Tell whether a file's first lines are of this format. A format without a time fits nothing."""
    try:
        pattern = re.compile(f"^{compiled(log_format).pattern}$")
    except (UsageError, re.error):
        return False
    return head.matches(pattern)
