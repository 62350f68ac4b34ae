"""What an importer is, and what it says about a file.

An importer looks at the first bytes (`sniff`) and then describes, in SQL over one raw line or record `r`, which
columns of which recorded tables it holds. It never touches rows itself: `taking.py` runs the description in DuckDB
and keeps the account.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from zdtrace.importers.text import Reject

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
_LOG_PREFIX = re.compile(rf"^{STAMP} (?:(?:stdout|stderr) [FP] )?")
"""What `kubectl logs --timestamps`, containerd and CRI-O put before each line."""


@dataclass(frozen=True)
class Head:
    """The beginning of a file's content: what sniffing may look at."""

    path: Path
    data: bytes

    @property
    def text(self) -> str:
        """The beginning as text, without byte-order mark and leading blank lines."""
        return self.data.decode("utf-8", "replace").removeprefix("\ufeff").lstrip("\r\n")

    @property
    def raw_lines(self) -> list[str]:
        """Up to 50 whole, non-blank lines as they are."""
        lines = self.text.split("\n")
        whole = lines if len(self.data) < 1 << 16 else lines[:-1] or lines
        return [line.rstrip("\r") for line in whole[:200] if line.strip()][:50]

    @property
    def first_line(self) -> int:
        """Number of the first line that is not blank."""
        blank = re.match(rb"(?:\xef\xbb\xbf)?\s*", self.data)
        return 1 + (blank[0].count(b"\n") if blank else 0)

    @property
    def lines(self) -> list[str]:
        """As `raw_lines`, without the time that a container runtime wrote before each."""
        return [_LOG_PREFIX.sub("", line) for line in self.raw_lines]

    @property
    def is_stamped(self) -> bool:
        """Whether a container runtime wrote a time before most lines."""
        lines = self.raw_lines
        return sum(bool(_LOG_PREFIX.match(line)) for line in lines) * 2 > len(lines)

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The lines that are JSON objects."""
        found = []
        for line in self.lines:
            if line.startswith("{"):
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(value, dict):
                    found.append(value)
        return found

    def has_objects_with(self, *keys: str) -> bool:
        """Tell whether most of the JSON objects have all of these keys (and there is one)."""
        found = self.objects
        return bool(found) and sum(set(keys) <= each.keys() for each in found) * 2 > len(found)

    def matches(self, pattern: re.Pattern[str]) -> bool:
        """Tell whether at least a third of the lines match (broken lines are somebody else's fault)."""
        lines = self.lines
        return bool(lines) and sum(bool(pattern.search(line)) for line in lines) * 3 >= len(lines)


OPTIONS = {
    "columns": "--columns",
    "started_at_ns": "--started-at",
    "time_zone": "--time-zone",
    "year": "--year",
    "log_format": "--log-format",
    "keep": "--keep",
    "drop": "--drop",
}
"""The fields of `Options`, and what the command line calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user said about a file. Null means: find out, or refuse."""

    columns: Mapping[str, str] = field(default_factory=dict)
    started_at_ns: int | None = None
    time_zone: str | None = None
    year: int | None = None
    log_format: str | None = None
    keep: frozenset[str] = frozenset()
    drop: frozenset[str] = frozenset()

    @property
    def said(self) -> dict[str, str]:
        """What was said at all, as the manifest notes it."""
        found: dict[str, str] = {}
        for name in OPTIONS:
            value = getattr(self, name)
            if isinstance(value, Mapping):
                value = ",".join(f"{key}={column}" for key, column in value.items())
            elif isinstance(value, frozenset):
                value = ",".join(sorted(value))
            if value not in (None, ""):
                found[name] = str(value)
        return found


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Each line is a JSON object; `r` has these fields. Fields that are objects themselves have type JSON.

    `wanted` is an SQL condition over `text`: other lines are not worth parsing, their `r` is null.
    """

    fields: Mapping[str, str]
    wanted: str = "true"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Each line matches an RE2 pattern with named groups; `r` has them as text, empty where a group is absent.

    A line that does not match is not `r`: all its groups would be empty. `required` names one that never is.
    """

    pattern: str
    required: str


@dataclass(frozen=True, slots=True)
class Delimited:
    """Comma- or tab-separated values; `r` has the named fields as text, null where a row is too short.

    `names` are the file's columns in order; `header` says that the first line repeats them.
    """

    names: tuple[str, ...]
    separator: str = ","
    header: bool = True


@dataclass(frozen=True, slots=True)
class Records:
    """Something that has no lines: an iterator of (record number, fields) and rejects.

    `r` has `fields` (name to DuckDB type). The iterator must run in bounded memory.
    """

    fields: Mapping[str, str]
    iterate: Callable[[Path], Iterator[tuple[int, Mapping[str, Any]] | Reject]]


@dataclass(frozen=True, slots=True)
class Parquet:
    """A Parquet file; `r` has these columns, cast to text."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table: SQL for its columns over `r`, `text`, `line` and `stamped_at_ns`; the others are null.

    `when` picks the raw rows that belong to this table.
    """

    table: str
    columns: Mapping[str, str]
    when: str = "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read one file.

    `skip` is an SQL condition for raw rows that by definition hold nothing for us; it is asked first, also for lines
    that cannot be parsed (`r` is null then). `reject` is an SQL text that is null for good rows. Missing or impossible
    times are rejected without being asked. `written` says which instants
    the tool wrote; `shows_failures` is false when it leaves failed requests out; `notes` reach the user.
    `beside` is SQL that looks at several rows of `raw` (line, text, r) and returns `line` and what else its row
    needs: columns may use `beside.…`, null for lines that it leaves out. `counted` are parameters that are
    aggregates over `raw`, left out when null or 0. `changed` looks at lines from further below in the file, and returns
    for the user what of them is read over because the first lines had none of it.
    """

    raw: JsonLines | Pattern | Delimited | Records | Parquet
    rows: tuple[Rows, ...]
    written: str
    resolution_ns: int = 1
    skip: str = "false"
    reject: str = "null"
    shows_failures: bool = True
    withhold_rejects: bool = False
    notes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    beside: str = ""
    counted: Mapping[str, str] = field(default_factory=dict)
    changed: Callable[[Head], str | None] | None = None


class Importer(Protocol):
    """One format. `clock` names the clock that its instants are of."""

    @property
    def name(self) -> str:
        """What `--format` calls it, `k6-json`."""

    @property
    def title(self) -> str:
        """What people call it, `k6 --out json`."""

    @property
    def clock(self) -> str:
        """client, recorder, apiserver or proxy."""

    def sniff(self, head: Head) -> bool:
        """Tell by the content whether a file is of this format. Never raises."""

    def read(self, head: Head, options: Options) -> Reading:
        """Describe how to read it. Raises UnusableFile when it cannot serve, with advice."""
