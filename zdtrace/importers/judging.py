"""SQL that decides about raw rows: what becomes of each, and the columns of those that are kept."""

from __future__ import annotations

import re

from zdtrace.importers.base import JsonLines, Reading, Rows
from zdtrace.importers.masking import is_plain
from zdtrace.importers.sql import identifier, literal
from zdtrace.recording.tables import BY_NAME, Table

FREE_TEXT = {
    **dict.fromkeys(("url", "path", "host"), "masked_url"),
    **dict.fromkeys(("error", "message", "details", "thread", "subject", "username", "user_agent"), "masked"),
    **dict.fromkeys(("upstream_name", "upstream_addresses", "upstream_address", "client_address", "label"), "masked"),
    **dict.fromkeys(("correlation_id", "proxy_request_id", "audit_id"), "masked_id"),
}
"""Columns of any table that are masked, whatever an importer does, and by which macro of `masking.py`."""

_EARLIEST_NS, _LATEST_NS = 946_684_800_000_000_000, 4_102_444_800_000_000_000
_CONSTANT = re.compile(r"null|-?\d+|'[^']*'")
"""An importer's expression that is the same for each row."""


def kept(reading: Reading, rows: Rows, source_id: int, raw: str, line: str) -> str:
    """Return SQL for the rows of one table, as they come, from a source `raw` whose `line` is the row's number.

    A column of which the format tells nothing is left out: a reader takes it as null, and writing nulls takes as long
    as writing anything else.
    """
    table = BY_NAME[rows.table]
    if reading.beside:
        raw += " left join beside on beside.line = raw.line"
    free = {identifier(name): FREE_TEXT[name] for name in _varying(table, rows) if name in FREE_TEXT}
    # What is not this table's is another's, or nobody's: `judged` tells which.
    return f"""
        select {_columns(table, rows, source_id)} from (
            select *, {is_plain(free)} as is_plain from (
                select {_told(table, rows, line)}, case
                    when {reading.skip} then 'skipped'
                    when ({reading.reject}) is not null then 'rejected'
                    when {rows.when} then null
                    else 'not of this table'
                end as not_kept from {raw}
            )
        )
        where not_kept is null and {_is_possible(rows)}
    """


def judged(reading: Reading) -> str:
    """Return SQL for `raw` with the reason why a row is not kept: null when it is, '' when it is skipped."""
    checks = " ".join(f"when {rows.when} then {_check(rows)}" for rows in reading.rows)
    source = "raw left join beside on beside.line = raw.line" if reading.beside else "raw"
    return f"""
        select raw.line, text, case
            when {reading.skip} then ''
            when r is null then {literal(_unreadable(reading))}
            when ({reading.reject}) is not null then ({reading.reject})
            {checks}
            else 'no known record'
        end as reason from {source}
    """


def _unreadable(reading: Reading) -> str:
    return "not a JSON object" if isinstance(reading.raw, JsonLines) else "not a line of this format"


def _varying(table: Table, rows: Rows) -> list[str]:
    """Return the columns that differ from row to row."""
    names = [column.name for column in table.columns[2:]]
    return [name for name in names if not _CONSTANT.fullmatch(rows.columns.get(name, "null"))]


def _told(table: Table, rows: Rows, line: str) -> str:
    """Return SQL for the columns that differ from row to row."""
    types = {column.name: column.type for column in table.columns}
    return ", ".join([f"{line} as line", *(
        f"try_cast(try({rows.columns[name]}) as {types[name]}) as {identifier(name)}" for name in _varying(table, rows)
    )])


def _columns(table: Table, rows: Rows, source_id: int) -> str:
    """Return SQL for all columns over those told: texts masked, and what is the same in each row added."""
    varying = _varying(table, rows)
    parts = [f"{source_id}::integer as source_id", "line"]
    for column in table.columns[2:]:
        expression, name = rows.columns.get(column.name, "null"), identifier(column.name)
        if expression == "null":
            continue
        if column.name not in varying:
            value = f"{expression}::{column.type}"
        else:
            macro = FREE_TEXT.get(column.name)
            value = f"if(is_plain, {name}, {macro}({name}))" if macro else name
        parts.append(f"{value} as {name}")
    return ", ".join(parts)


def _is_possible(rows: Rows) -> str:
    """Return an SQL condition on a table's columns: its instants are there and can be. `_check` says why not."""
    if rows.table in ("requests", "proxy_requests"):
        return (
            f"started_at_ns between {_EARLIEST_NS} and {_LATEST_NS} "
            f"and ended_at_ns between started_at_ns and {_LATEST_NS}"
        )
    dated = []
    for name in _instants(rows):
        within = f"{name} between {_EARLIEST_NS} and {_LATEST_NS}"
        dated.append(f"coalesce({within}, true)" if name == "observed_at_ns" else within)
    return " and ".join(dated) or "true"


def _check(rows: Rows) -> str:
    """Return SQL over raw rows for the reason why a table's instants are impossible; null when they are not."""

    def value(name: str) -> str:
        return f"try({rows.columns.get(name, 'null')})"

    if rows.table in ("requests", "proxy_requests"):
        start, end = value("started_at_ns"), value("ended_at_ns")
        conditions = [
            f"when {start} is null and {end} is null then 'no time'",
            f"when {start} is null or {end} is null then 'no or impossible latency'",
            f"when {end} < {start} then 'negative latency'",
            f"when {start} not between {_EARLIEST_NS} and {_LATEST_NS} then 'time outside 2000 to 2100'",
            f"when {end} > {_LATEST_NS} then 'impossible latency'",
        ]
        return f"case {' '.join(conditions)} end"
    conditions = []
    for name in _instants(rows):
        if name != "observed_at_ns":
            conditions.append(f"when {value(name)} is null then 'no time'")
        outside = f"{value(name)} not between {_EARLIEST_NS} and {_LATEST_NS}"
        conditions.append(f"when {outside} then 'time outside 2000 to 2100'")
    return f"case {' '.join(conditions)} end" if conditions else "null"


def _instants(rows: Rows) -> list[str]:
    """Return the columns with the instants that a row of a table must have; `observed_at_ns` may be null."""
    names = BY_NAME[rows.table].column_names
    return [
        name for name in ("logged_at_ns", "received_at_ns", "observed_at_ns") if name in names and name in rows.columns
    ]
