"""Any CSV, NDJSON or Parquet file whose columns the user names.

`--columns start=ts:epoch_ms,latency=took:ms,status=code`. Units and zones are said, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from zdtrace.errors import UnusableFile, UsageError
from zdtrace.importers import text
from zdtrace.importers.base import Delimited, Head, JsonLines, Options, Parquet, Reading, Rows
from zdtrace.importers.local_time import local_ns, zone_of
from zdtrace.importers.sql import identifier, literal
from zdtrace.recording.paths import exact

INSTANTS = {
    "epoch_s": 1_000_000_000,
    "epoch_ms": 1_000_000,
    "epoch_us": 1000,
    "epoch_ns": 1,
    "iso": 1_000_000_000,
}
"""Units of `start` and `end`, and the ns that one of their last whole digits means."""
SPANS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
"""Units of `latency`."""
PLAIN = ("status", "error", "url", "method", "id", "thread", "pod")
_ZONE = r"(Z|[+-]\d\d(:?\d\d)?)$"
_TARGETS = {"url": "url", "method": "method", "id": "correlation_id", "thread": "thread", "pod": "pod_name"}


@dataclass(frozen=True, slots=True)
class Mapped:
    """One `key=column:unit`; keys like `status` have no unit."""

    column: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What kind of file it is: how to read it, how to reach a column, and a few values of it."""

    raw: Delimited | JsonLines | Parquet
    sql: Callable[[str], str]
    sample: Callable[[str], str]


@dataclass(frozen=True)
class Columns:
    """Never sniffed: it is used when `--columns` is given."""

    name: str = "columns"
    title: str = "any CSV, NDJSON or Parquet (--columns)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Only the user knows."""
        return False

    def read(self, head: Head, options: Options) -> Reading:
        """Read the named columns.

        Raises UsageError for a mapping that does not suffice, UnusableFile for a column that is not there.
        """
        mapping = understood(options.columns)
        layout = _layout(head, mapping)

        def value(key: str) -> str:
            return f"nullif(trim({layout.sql(mapping[key].column)}), '')" if key in mapping else "null"

        instants: dict[str, str] = {}
        resolution = 1
        for key in ("start", "end"):
            if key in mapping:
                sample = layout.sample(mapping[key].column)
                instants[key] = _instant(value(key), mapping[key].unit, sample, head, options)
                resolution = max(resolution, _resolution(mapping[key].unit, sample))
        start, end = _span(instants, value("latency"), mapping)
        number = f"try_cast({value('status')} as double)"
        known = f"case when {number} between 100 and 999 and {number} = floor({number}) then {number}::integer end"
        # Most tools write 0 or -1 where no response came. Any other word may be anything: only an error explains it.
        lost = f"case when {number} in (0, -1) then 'no response' end"
        columns = {
            "started_at_ns": start,
            "ended_at_ns": end,
            "resolution_ns": str(resolution),
            "status": known,
            "error": f"if(({known}) is null, coalesce({value('error')}, {lost}), {value('error')})",
            **{column: value(key) for key, column in _TARGETS.items() if key in mapping},
        }
        checks = []
        if "latency" in mapping:
            checks.append(f"when try_cast({value('latency')} as double) < 0 then 'negative latency'")
        if "status" in mapping:
            outcome = f"coalesce(({known})::varchar, {value('error')}, {lost})"
            checks.append(f"when {value('status')} is null and {value('error')} is null then 'no status'")
            checks.append(f"when {outcome} is null then 'no known status'")
        return Reading(
            raw=layout.raw,
            rows=(Rows("requests", columns),),
            reject=f"case {' '.join(checks)} end" if checks else "null",
            written=" and ".join(key for key in ("start", "end", "latency") if key in mapping),
            resolution_ns=resolution,
            parameters={key: str(value) for key, value in options.columns.items()},
        )


def understood(columns: Mapping[str, str]) -> dict[str, Mapped]:
    """Return what `--columns` says. Raises UsageError, naming the choices, when that does not suffice."""
    found = {}
    for key, value in columns.items():
        if key in ("start", "end", "latency"):
            units = SPANS if key == "latency" else INSTANTS
            column, _, unit = value.rpartition(":")
            if not column or unit not in units:
                raise UsageError(
                    f"--columns {key}={value}: the unit is missing or unknown",
                    hint=f"write {key}=COLUMN:UNIT with one of {', '.join(units)}",
                )
            found[key] = Mapped(column, unit)
        elif key in PLAIN:
            found[key] = Mapped(value)
        else:
            known = ", ".join(("start", "end", "latency", *PLAIN))
            raise UsageError(f"--columns has no key `{key}`", hint=f"known keys: {known}")
    if len(found.keys() & {"start", "end", "latency"}) < 2:
        raise UsageError(
            "--columns must place each request in time",
            hint="give two of start=COLUMN:UNIT, end=COLUMN:UNIT and latency=COLUMN:UNIT",
        )
    if not found.keys() & {"status", "error"}:
        raise UsageError("--columns must tell failures", hint="give status=COLUMN, or error=COLUMN, or both")
    return found


def _span(instants: Mapping[str, str], latency: str, mapping: Mapping[str, Mapped]) -> tuple[str, str]:
    if "latency" not in mapping or len(instants) == 2:
        return instants["start"], instants["end"]
    macro = {"s": "s_ns", "ms": "ms_ns", "us": "us_ns"}.get(mapping["latency"].unit)
    took = f"{macro}({latency})" if macro else f"try_cast(round(try_cast({latency} as double)) as bigint)"
    if "start" in instants:
        return instants["start"], f"{instants['start']} + {took}"
    return f"{instants['end']} - {took}", instants["end"]


def _instant(text: str, unit: str, sample: str, head: Head, options: Options) -> str:
    """Return SQL for ns since 1970. Raises UnusableFile when a zone is missing and was not said."""
    if unit == "epoch_ns":
        return f"try_cast({text} as bigint)"
    if unit != "iso":
        return f"{unit}_ns({text})"
    zoned = f"iso_ns(regexp_replace({text}, '([+-]\\d\\d)(\\d\\d)$', '\\1:\\2'))"
    if options.time_zone is None and (not sample or re.search(_ZONE, sample)):
        return (
            f"case when regexp_matches({text}, {literal(_ZONE)}) and contains({text}, ':') then {zoned} end"
        )
    zone = zone_of(head, options, what=f"the column ({sample})")
    second = f"date_trunc('second', try_cast(regexp_replace({text}, '[.,]\\d+$', '') as timestamp))"
    fraction = f"rpad(regexp_extract({text}, '[.,](\\d{{1,9}})', 1), 9, '0')::bigint"
    local = f"{local_ns(second, zone)} + {fraction}"
    return f"case when regexp_matches({text}, {literal(':.*' + _ZONE)}) then {zoned} else {local} end"


def _resolution(unit: str, sample: str) -> int:
    """Return how much later than written the instant may be, by the decimals of a sample."""
    found = re.search(r"[.,](\d+)", sample)
    return max(1, INSTANTS[unit] // 10 ** min(len(found[1]), 9)) if found else INSTANTS[unit]


def _layout(head: Head, mapping: Mapping[str, Mapped]) -> _Layout:
    if head.data.startswith(b"PAR1"):
        return _parquet(head, mapping)
    if head.objects:
        return _ndjson(head, mapping)
    return _delimited(head, mapping)


def _parquet(head: Head, mapping: Mapping[str, Mapped]) -> _Layout:
    import duckdb

    try:
        with duckdb.connect() as db, TemporaryDirectory() as scratch:
            path = {"path": exact(text.readable(head.path, Path(scratch)))}
            db.execute("set TimeZone = 'UTC'")
            found = db.execute("select * from read_parquet($path) limit 0", path)
            names = tuple(each[0] for each in found.description or ())
            _check(head, mapping, names)
            wanted = ", ".join(f"{identifier(each.column)}::varchar" for each in mapping.values())
            row = db.execute(f"select {wanted} from read_parquet($path) limit 1", path).fetchone()
    except duckdb.Error as error:
        raise UnusableFile(head.path, f"no whole Parquet file: {str(error).splitlines()[0][:200]}") from error
    used = tuple(dict.fromkeys(each.column for each in mapping.values()))
    values = dict(zip((each.column for each in mapping.values()), row or (), strict=False))
    return _Layout(
        Parquet(used), lambda name: f"r.{identifier(name)}", lambda name: str(values.get(name) or "")
    )


def _ndjson(head: Head, mapping: Mapping[str, Mapped]) -> _Layout:
    """A column may be a path into nested objects: `data.time`."""
    first = head.objects[0]
    fields: dict[str, str] = {}
    for each in mapping.values():
        top = each.column if each.column in first or "." not in each.column else each.column.split(".")[0]
        fields[top] = "JSON" if top != each.column else fields.get(top, "VARCHAR")
    keys = {key for found in head.objects for key in found}
    _check(head, mapping, tuple(keys), nested=True)

    def sql(name: str) -> str:
        if name in fields:
            return f"r.{identifier(name)}::varchar"
        top, _, rest = name.partition(".")
        path = "$" + "".join(f".{identifier(part)}" for part in rest.split("."))
        return f"json_extract_string(r.{identifier(top)}, {literal(path)})"

    def sample(name: str) -> str:
        value: object = first
        for part in [name] if name in first else name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return "" if value is None else str(value)

    return _Layout(JsonLines(fields), sql, sample)


def _delimited(head: Head, mapping: Mapping[str, Mapped]) -> _Layout:
    lines = head.raw_lines
    if not lines:
        raise UnusableFile(head.path, "it is empty")
    separator = max(("\t", ";", "|", ","), key=lines[0].count)
    names = tuple(cell.strip().strip('"') for cell in lines[0].split(separator))
    _check(head, mapping, names)
    if len(set(names)) < len(names):
        raise UnusableFile(head.path, "two columns of its header have the same name")

    def sample(name: str) -> str:
        cells = lines[1].split(separator) if len(lines) > 1 else []
        return cells[names.index(name)].strip('" ') if names.index(name) < len(cells) else ""

    return _Layout(Delimited(names, separator), lambda name: f"r.{identifier(name)}", sample)


def _check(
    head: Head, mapping: Mapping[str, Mapped], names: tuple[str, ...], *, nested: bool = False
) -> None:
    """Raise UnusableFile when a named column is not there, listing those that are."""
    for key, each in mapping.items():
        top = each.column.split(".")[0] if nested and each.column not in names else each.column
        if top not in names:
            shown = ", ".join(f"`{name}`" for name in sorted(names)[:40])
            raise UnusableFile(
                Path(head.path), f"it has no column `{each.column}` ({key})", hint=f"its columns: {shown}"
            )
