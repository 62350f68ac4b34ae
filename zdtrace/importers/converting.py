"""One importer's description at work in DuckDB: raw lines to Parquet, and whatever was not kept to rejects."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zdtrace.importers import text
from zdtrace.importers.base import STAMP, Delimited, Head, JsonLines, Parquet, Pattern, Reading, Rows
from zdtrace.importers.csv_rows import csv_rows
from zdtrace.importers.sql import MACROS, identifier, literal
from zdtrace.importers.text import Reject, Rejects
from zdtrace.recording.tables import BY_NAME, REJECTS, Table

if TYPE_CHECKING:
    import duckdb

FREE_TEXT = {
    **dict.fromkeys(("url", "path", "host"), "masked_url"),
    **dict.fromkeys(("error", "message", "details", "thread", "subject", "username", "user_agent"), "masked"),
    **dict.fromkeys(("upstream_name", "upstream_addresses", "upstream_address", "client_address", "label"), "masked"),
    **dict.fromkeys(("correlation_id", "proxy_request_id", "audit_id"), "masked_id"),
}
"""Columns of any table that are masked, whatever an importer does, and by which macro of `masking.py`."""

_PORTION_BYTES, _PORTION_REJECTS = 100_000_000, 100_000
"""How much of a file of records is sorted at once: several times as much memory is needed for it."""
_EARLIEST_NS, _LATEST_NS = 946_684_800_000_000_000, 4_102_444_800_000_000_000


_CONSTANT = re.compile(r"null|-?\d+|'[^']*'")
"""An importer's expression that is the same for each row."""
_PARSED = "(from raw where r is not null) as raw"
"""Only what could be parsed can be kept; said this way, k6's other points never reach the join."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A Parquet file that waits to be taken in: rows of one table, with their first and last instant."""

    table: str
    path: Path
    rows: int
    first_at_ns: int | None = None
    last_at_ns: int | None = None


@dataclass(slots=True)
class Account:
    """What became of the lines: `lines` = `skipped` + `kept` + rejects, counted by their reasons."""

    lines: int = 0
    skipped: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    drafts: list[Draft] = field(default_factory=list)

    @property
    def rejects(self) -> int:
        """Rows that could not be read."""
        return self.reasons.total()

    def add(self, other: Account) -> None:
        """Take in the account of another part of the same file."""
        self.lines += other.lines
        self.skipped += other.skipped
        self.kept += other.kept
        self.reasons += other.reasons
        self.drafts += other.drafts


class Converter:
    """Reads parts of one file with its own DuckDB. Drafts go to `home`, what is needed on the way to `scratch`."""

    def __init__(
        self, source_id: int, head: Head, reading: Reading, home: Path, scratch: Path, *, memory: str, threads: int
    ) -> None:
        self.source_id = source_id
        self.head = head
        self.reading = reading
        self.home = home
        self.scratch = scratch
        self._db = _connect(scratch, memory, threads)
        self._source, self._line = _PARSED, "raw.line"

    # From a file to `raw` (line, text, stamped_at_ns, r)

    def count_raw(self) -> tuple[int, int]:
        """Return how many raw rows there are to skip, and in all."""
        found = self._db.execute(f"select count(*) filter ({self.reading.skip}), count(*) from raw").fetchone()
        return found or (0, 0)

    def define_lines(self, path: Path, first_line: int = 1) -> None:
        """Read a file of lines; its first is line `first_line` of the source."""
        self._source, self._line = _PARSED, "raw.line"
        lines = text.numbered_lines(path, first_line)
        raw = self.reading.raw
        stamped = self.head.is_stamped
        if stamped:
            prefix = rf"^({STAMP})(?: (?:(?:stdout|stderr) [FP] )?(.*))?$"
            # A line that lost its stamp keeps its words: it may be good all the same.
            lines = f"""
                select line, if(parts.stamp = '', whole, parts.body) as text, iso_ns(parts.stamp) as stamped_at_ns
                from (
                    select line, text as whole, regexp_extract(text, '{prefix}', ['stamp', 'body']) as parts
                    from ({lines})
                )
            """
        else:
            lines = f"select line, text, null::bigint as stamped_at_ns from ({lines})"
        if isinstance(raw, JsonLines):
            structure = literal(json.dumps(dict(raw.fields)))
            parsed = f"try(from_json(text, {structure}))"
            if raw.wanted != "true":
                parsed = f"case when {raw.wanted} then {parsed} end"
        elif isinstance(raw, Pattern):
            names = ", ".join(literal(name) for name in group_names(raw.pattern))
            found = f"regexp_extract(text, {literal(raw.pattern)}, [{names}])"
            lines = f"select line, text, stamped_at_ns, {found} as found from ({lines})"
            parsed = f"case when found.{identifier(raw.required)} <> '' then found end"
        else:
            assert isinstance(raw, Delimited)  # noqa: S101 - the other kind never gets here
            self._define_delimited(raw, lines)
            return
        self._db.execute(f"""
            create or replace view raw as select line, text, stamped_at_ns, {parsed} as r from ({lines})
        """)

    def _define_delimited(self, raw: Delimited, lines: str) -> None:
        """Split lines that hold no quotes; files with quotes go through a CSV parser instead."""
        split = f"string_split(text, {literal(raw.separator)})"
        where = f"where line > {self.head.first_line}" if raw.header else ""
        self._db.execute(f"""
            create or replace view cells as
            select line, text, stamped_at_ns, {split} as fields from ({lines}) {where}
        """)
        self._define_fields(raw, "fields", source="cells")

    def _define_fields(self, raw: Delimited, cells: str, *, source: str = "records") -> None:
        fields = ", ".join(
            f"{identifier(name)} := {cells}[{number}]" for number, name in enumerate(raw.names, 1)
        )
        self._db.execute(f"""
            create or replace view raw as select line, text, stamped_at_ns, struct_pack({fields}) as r from {source}
        """)

    @property
    def reads_json(self) -> bool:
        """Whether DuckDB's own JSON reader will do: nobody asks for a line's text or the stamp before it."""
        reading = self.reading
        asked = [reading.skip, reading.reject]
        for rows in reading.rows:
            asked += [rows.when, *rows.columns.values()]
        needs_text = any(re.search(r"\b(text|stamped_at_ns)\b", each) for each in asked)
        if not isinstance(reading.raw, JsonLines) or reading.raw.wanted != "true" or reading.beside:
            return False
        has_line = any(name.lower() == "line" for name in reading.raw.fields)
        return not (needs_text or has_line or self.head.is_stamped)

    def define_json(self, path: Path, first_line: int) -> None:
        """Read a file of JSON objects as `define_lines` does, in two thirds of its time; one bad line fails it all.

        What comes of it is good for `write_tables` only: there is no `raw` to ask why a row was not kept.
        """
        assert isinstance(self.reading.raw, JsonLines)  # noqa: S101 - asked for only then
        fields = self.reading.raw.fields
        columns = ", ".join(f"{literal(name)}: {literal(type_)}" for name, type_ in fields.items())
        # `r` is the row itself here: packing its columns into a struct costs as much as sorting.
        self._source, self._line = f"""(
            select row_number() over () + {first_line - 1} as line, {", ".join(map(identifier, fields))}
            from read_json({literal(str(path))}, format = 'newline_delimited', columns = {{{columns}}},
                hive_partitioning = false)
        ) as r""", "r.line"

    def define_csv(self, path: Path, rejects: Rejects) -> int:
        """Read a file of values with quotes; return how many rows it has."""
        raw = self.reading.raw
        assert isinstance(raw, Delimited)  # noqa: S101 - asked for only then
        count = self.define_records({"fields": "VARCHAR[]"}, csv_rows(path, raw, self.head.first_line), rejects)
        self._define_fields(raw, "r.fields")
        return count

    def define_parquet(self, path: Path, raw: Parquet) -> None:
        """Read a Parquet file, every value as text."""
        fields = ", ".join(f"{identifier(name)} := {identifier(name)}::varchar" for name in raw.names)
        self._db.execute(f"""
            create or replace view raw as
            select file_row_number + 1 as line, null::varchar as text, null::bigint as stamped_at_ns,
                struct_pack({fields}) as r
            from read_parquet({literal(str(path))}, file_row_number = true, hive_partitioning = false)
        """)

    def define_records(
        self,
        fields: Mapping[str, str],
        records: Iterator[tuple[int, Mapping[str, Any]] | Reject],
        rejects: Rejects,
        *,
        is_whole: bool = True,
    ) -> int:
        """Spill records to a file that DuckDB reads back as `raw`, tell `rejects` of the others; count the records.

        Unless `is_whole`, it stops when enough is spilled: call it again for the rest of `records`.
        """
        spill = self.scratch / "records.ndjson"
        count = size = 0
        with spill.open("w", encoding="utf-8") as file:
            while is_whole or (size < _PORTION_BYTES and rejects.count < _PORTION_REJECTS):
                each = next(records, None)
                if each is None:
                    break
                if isinstance(each, Reject):
                    rejects.add(each)
                    continue
                count += 1
                size += file.write(json.dumps({"line": each[0], "r": each[1]}, allow_nan=False, default=str) + "\n")
        struct = ", ".join(f"{identifier(name)} {type_}" for name, type_ in fields.items())
        columns = f"{{'line': 'BIGINT', 'r': {literal(f'STRUCT({struct})')}}}"
        view = f"""
            select line, null::varchar as text, null::bigint as stamped_at_ns, r
            from read_json({literal(str(spill))}, format = 'newline_delimited', columns = {columns},
                maximum_object_size = {64 << 20})
        """
        self._db.execute(f"create or replace view records as {view}")
        self._db.execute("create or replace view raw as from records")
        return count

    # From `raw` to drafts

    def _judged(self) -> str:
        """Return SQL for `raw` with the reason why a row is not kept: null when it is, '' when it is skipped."""
        reading = self.reading
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


    def _kept(self, table: Table, rows: Rows) -> str:
        """Return SQL for a table's columns and the reason why a row is not kept; its instants are still unchecked."""
        reading = self.reading
        source = self._source
        if reading.beside:
            source += " left join beside on beside.line = raw.line"
        # What is not this table's is another's, or nobody's: `_judged` tells which.
        return f"""
            select {_told(table, rows, self._line)}, case
                when {reading.skip} then 'skipped'
                when ({reading.reject}) is not null then 'rejected'
                when {rows.when} then null
                else 'not of this table'
            end as not_kept from {source}
        """

    def write_tables(self, part: str) -> list[Draft]:
        """Write a draft for each table that has rows."""
        if self.reading.beside:
            self._db.execute(f"create or replace temp table beside as {self.reading.beside}")
        drafts = []
        for rows in self.reading.rows:
            table = BY_NAME[rows.table]
            path = self.home / f"{self.source_id}-{part}-{table.name}.parquet"
            count = self._copy(
                f"""
                select {_columns(table, rows, self.source_id)} from (
                    from ({self._kept(table, rows)})
                    where not_kept is null and {_is_possible(rows)} order by {table.sorted_by}
                )
                """,
                table, path,
            )
            if count:
                drafts.append(Draft(table.name, path, count, *self._span(table, path)))
        return drafts

    def rejects(self) -> Rejects:
        """Return where to tell of what cannot even be read, for `account`; one at a time."""
        return Rejects(self.scratch / "rejects.ndjson", withhold=self.reading.withhold_rejects)

    def account(
        self, part: str, drafts: list[Draft], lines: int, rejects: Rejects | None = None, skipped: int = 0
    ) -> Account:
        """Account for `lines` lines, of which `drafts` hold the rows kept; write all the rejects."""
        kept, spilled = sum(draft.rows for draft in drafts), rejects.count if rejects else 0
        is_complete = kept + skipped + spilled == lines
        by_definition, total = (0, kept) if is_complete else self.count_raw()
        account = Account(lines, skipped + by_definition, kept, Counter(), drafts)
        parts = []
        if total > by_definition + kept:
            shown = "null" if self.reading.withhold_rejects else "text"
            parts.append(f"select line, reason, {shown} as text from ({self._judged()}) where reason <> ''")
        if rejects and spilled:
            rejects.flush()
            columns = "{'line': 'BIGINT', 'reason': 'VARCHAR', 'text': 'VARCHAR'}"
            parts.append(f"""
                select line, reason, text
                from read_json({literal(str(rejects.path))}, format = 'newline_delimited', columns = {columns})
            """)
        if not parts:
            return account
        path = self.home / f"{self.source_id}-{part}-rejects.parquet"
        count = self._copy(
            f"""
            select {self.source_id}::integer as source_id, line, left(reason, 200) as reason,
                shape(left(text, 500)) as text
            from ({' union all '.join(parts)}) order by line
            """,
            REJECTS, path,
        )
        if count:
            account.drafts.append(Draft(REJECTS.name, path, count))
            top = f"select reason, count(*) from read_parquet({literal(str(path))}) group by all"
            account.reasons.update(dict(self._db.execute(top).fetchall()))
        return account

    def _copy(self, select: str, table: Table, path: Path) -> int:
        docs = ", ".join(f"{identifier(column.name)}: {literal(column.doc)}" for column in table.columns)
        written = self._db.execute(f"""
            copy ({select}) to {literal(str(path))} (
                format parquet, parquet_version v2, compression zstd, compression_level 1,
                kv_metadata {{zdtrace_table: {literal(table.doc)}, {docs}}}
            )
        """).fetchone()
        return int(written[0]) if written else 0

    def _span(self, table: Table, path: Path) -> tuple[int | None, int | None]:
        """Return the first and the last instant of a draft; null for tables without."""
        if not table.sorted_by.endswith("_ns"):
            return None, None
        until = "ended_at_ns" if "ended_at_ns" in table.column_names else table.sorted_by
        found = self._db.execute(f"""
            select min({table.sorted_by}), max(coalesce({until}, {table.sorted_by}))
            from read_parquet({literal(str(path))})
        """).fetchone()
        return found or (None, None)

    def counted(self) -> dict[str, str]:
        """Return the parameters that only the whole file tells."""
        found = {}
        for name, aggregate in self.reading.counted.items():
            value = self._db.execute(f"select {aggregate} from raw").fetchone()
            if value and value[0]:
                found[name] = f"{value[0]:g}" if isinstance(value[0], float) else str(value[0])
        return found

def group_names(pattern: str) -> list[str]:
    """Return the names of an RE2 pattern's groups, in order; groups without a name must be `(?:…)`."""
    return re.findall(r"\(\?P<(\w+)>", pattern)


def _connect(scratch: Path, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    import duckdb

    db = duckdb.connect()
    db.execute(f"set memory_limit = '{memory}'; set threads = {threads}")
    db.execute(f"set temp_directory = {literal(str(scratch / 'spill'))}")
    db.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
    for macro in MACROS:
        db.execute(macro)
    return db

def _unreadable(reading: Reading) -> str:
    return "not a JSON object" if isinstance(reading.raw, JsonLines) else "not a line of this format"


def _told(table: Table, rows: Rows, line: str) -> str:
    """Return SQL for the columns that differ from row to row: these are sorted."""
    parts = [f"{line} as line"]
    for column in table.columns[2:]:
        expression = rows.columns.get(column.name, "null")
        if _CONSTANT.fullmatch(expression):
            continue
        if column.name in FREE_TEXT:
            expression = f"{FREE_TEXT[column.name]}({expression})"
        parts.append(f"try_cast(try({expression}) as {column.type}) as {identifier(column.name)}")
    return ", ".join(parts)


def _columns(table: Table, rows: Rows, source_id: int) -> str:
    """Return SQL for all columns over those told; what is the same in each row is added here, behind the sorting."""
    parts = [f"{source_id}::integer as source_id", "line"]
    for column in table.columns[2:]:
        expression = rows.columns.get(column.name, "null")
        value = f"{expression}::{column.type}" if _CONSTANT.fullmatch(expression) else identifier(column.name)
        parts.append(f"{value} as {identifier(column.name)}")
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
