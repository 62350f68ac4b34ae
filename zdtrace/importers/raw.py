"""Reading a file, or a part of it, with DuckDB: whatever it is, its rows become the view `raw`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zdtrace.importers import text
from zdtrace.importers.base import STAMP, Delimited, Head, JsonLines, Parquet, Pattern, Reading
from zdtrace.importers.csv_rows import csv_rows
from zdtrace.importers.sql import identifier, literal
from zdtrace.importers.text import Reject, Rejects
from zdtrace.recording.paths import exact

if TYPE_CHECKING:
    import duckdb

_PORTION_BYTES, _PORTION_REJECTS = 16_000_000, 100_000
"""How much of a file of records is converted at once: a record may be a whole Kubernetes object."""
_LEAST_BUFFER = 1 << 20
"""DuckDB takes twice the longest object for each of its buffers, whatever comes."""
_PARSED = "(from raw where r is not null) as raw"
"""Only what could be parsed can be kept; said this way, k6's other points never reach the join."""


class Raw:
    """The view `raw` in one DuckDB: `line`, `text` and `stamped_at_ns` where there are any, and the parsed `r`.

    `source` is SQL for what the rows that may be kept come from, `line` for their number in it.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, head: Head, reading: Reading, scratch: Path) -> None:
        self.source, self.line = _PARSED, "raw.line"
        self._db = db
        self._head = head
        self._reading = reading
        self._scratch = scratch

    def count(self) -> tuple[int, int]:
        """Return how many raw rows there are to skip, and in all."""
        found = self._db.execute(f"select count(*) filter ({self._reading.skip}), count(*) from raw").fetchone()
        return found or (0, 0)

    def read_lines(self, path: Path, first_line: int = 1) -> None:
        """Read a file of lines; its first is line `first_line` of the source."""
        self.source, self.line = _PARSED, "raw.line"
        lines = text.numbered_lines(path, first_line)
        raw = self._reading.raw
        stamped = self._head.is_stamped
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
            # An error costs as much as parsing a hundred lines: a file of millions of broken ones has to end too.
            is_json = "json_valid(text)" if raw.wanted == "true" else f"{raw.wanted} and json_valid(text)"
            parsed = f"case when {is_json} then try(from_json(text, {structure})) end"
        elif isinstance(raw, Pattern):
            names = ", ".join(literal(name) for name in group_names(raw.pattern))
            found = f"regexp_extract(text, {literal(raw.pattern)}, [{names}])"
            lines = f"select line, text, stamped_at_ns, {found} as found from ({lines})"
            parsed = f"case when found.{identifier(raw.required)} <> '' then found end"
        else:
            assert isinstance(raw, Delimited)  # noqa: S101 - the other kind never gets here
            self._read_delimited(raw, lines)
            return
        self._db.execute(f"""
            create or replace view raw as select line, text, stamped_at_ns, {parsed} as r from ({lines})
        """)

    def _read_delimited(self, raw: Delimited, lines: str) -> None:
        """Split lines that hold no quotes; files with quotes go through a CSV parser instead."""
        split = f"string_split(text, {literal(raw.separator)})"
        where = f"where line > {self._head.first_line}" if raw.header else ""
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
        reading = self._reading
        asked = [reading.skip, reading.reject]
        for rows in reading.rows:
            asked += [rows.when, *rows.columns.values()]
        needs_text = any(re.search(r"\b(text|stamped_at_ns)\b", each) for each in asked)
        if not isinstance(reading.raw, JsonLines) or reading.raw.wanted != "true" or reading.beside:
            return False
        has_line = any(name.lower() == "line" for name in reading.raw.fields)
        return not (needs_text or has_line or self._head.is_stamped)

    def read_json(self, path: Path, first_line: int) -> None:
        """Read a file of JSON objects as `read_lines` does, in two thirds of its time; one bad line fails it all.

        What comes of it is good for rows that are kept: there is no `raw` to ask why one was not.
        """
        assert isinstance(self._reading.raw, JsonLines)  # noqa: S101 - asked for only then
        fields = self._reading.raw.fields
        columns = ", ".join(f"{literal(name)}: {literal(type_)}" for name, type_ in fields.items())
        # `r` is the row itself here: packing its columns into a struct costs a fifth of it all.
        self.source, self.line = f"""(
            select row_number() over () + {first_line - 1} as line, {", ".join(map(identifier, fields))}
            from read_json({literal(exact(path))}, format = 'newline_delimited', columns = {{{columns}}},
                hive_partitioning = false)
        ) as r""", "r.line"

    def read_csv(self, path: Path, rejects: Rejects) -> int:
        """Read a file of values with quotes; return how many rows it has."""
        raw = self._reading.raw
        assert isinstance(raw, Delimited)  # noqa: S101 - asked for only then
        count = self.read_records({"fields": "VARCHAR[]"}, csv_rows(path, raw, self._head.first_line), rejects)
        self._define_fields(raw, "r.fields")
        return count

    def read_parquet(self, path: Path, raw: Parquet) -> None:
        """Read a Parquet file, every value as text."""
        fields = ", ".join(f"{identifier(name)} := {identifier(name)}::varchar" for name in raw.names)
        self._db.execute(f"""
            create or replace view raw as
            select file_row_number + 1 as line, null::varchar as text, null::bigint as stamped_at_ns,
                struct_pack({fields}) as r
            from read_parquet({literal(exact(path))}, file_row_number = true, hive_partitioning = false)
        """)

    def read_records(
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
        spill = self._scratch / "records.ndjson"
        count = size = longest = 0
        with spill.open("w", encoding="utf-8") as file:
            while is_whole or (size < _PORTION_BYTES and rejects.count < _PORTION_REJECTS):
                each = next(records, None)
                if each is None:
                    break
                if isinstance(each, Reject):
                    rejects.add(each)
                    continue
                count += 1
                written = file.write(json.dumps({"line": each[0], "r": each[1]}, allow_nan=False, default=str) + "\n")
                size, longest = size + written, max(longest, written)
        struct = ", ".join(f"{identifier(name)} {type_}" for name, type_ in fields.items())
        columns = f"{{'line': 'BIGINT', 'r': {literal(f'STRUCT({struct})')}}}"
        view = f"""
            select line, null::varchar as text, null::bigint as stamped_at_ns, r
            from read_json({literal(exact(spill))}, format = 'newline_delimited', columns = {columns},
                maximum_object_size = {max(longest, _LEAST_BUFFER)})
        """
        self._db.execute(f"create or replace view records as {view}")
        self._db.execute("create or replace view raw as from records")
        return count


def group_names(pattern: str) -> list[str]:
    """Return the names of an RE2 pattern's groups, in order; groups without a name must be `(?:…)`."""
    return re.findall(r"\(\?P<(\w+)>", pattern)
