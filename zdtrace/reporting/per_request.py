"""One row a failed request, into a file of the kind that its name says."""

from __future__ import annotations

from pathlib import Path

from zdtrace.analysis.catalog import library
from zdtrace.analysis.diagnosis import Diagnosis
from zdtrace.errors import UsageError, ZdtraceError
from zdtrace.reporting.files import check_free, draft_of

_QUERY = "findings.per_request"
_FORMATS = {
    ".csv": "format csv, header true",
    ".ndjson": "format json, array false",
    ".parquet": "format parquet, compression zstd",
}


def check_name(path: Path, *, force: bool) -> None:
    """Raise UsageError when the name says no kind that we write, RecordingExists when it is taken."""
    if path.suffix not in _FORMATS:
        raise UsageError(
            f"`{path}`: what kind of file that is, its name does not say",
            hint=f"end it with {', '.join(_FORMATS)}",
        )
    check_free(path, force=force)


def write(diagnosis: Diagnosis, path: Path, *, force: bool = False) -> None:
    """Write the verdict of each failed request; the file is there whole or not at all."""
    import duckdb

    check_name(path, force=force)
    diagnosis.engine.make(_QUERY)
    with draft_of(path, force=force) as draft:
        target = str(draft).replace("'", "''")
        try:
            diagnosis.engine.db.execute(f"copy ({_rows(path.suffix)}) to '{target}' ({_FORMATS[path.suffix]})")
        except duckdb.Error as error:
            raise ZdtraceError(f"`{path}` cannot be written: {error}") from error


def _rows(suffix: str) -> str:
    columns = [
        # A spreadsheet runs a cell that begins like a formula.
        f"regexp_replace({column.name}, '^([=+@\\t\\r\\n-])', '''\\1') as {column.name}"
        if suffix == ".csv" and column.type == "VARCHAR"
        else column.name
        for column in library()[_QUERY].columns
    ]
    return f"select {', '.join(columns)} from {_QUERY}"
