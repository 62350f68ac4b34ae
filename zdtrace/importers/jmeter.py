"""JMeter's JTL as CSV: START in ms (or a local date), `elapsed` in ms, a Java class where no status came.

Which columns there are, whether there is a header and how a time looks is all configurable.
Source: JMeter CSVSaveService, SampleSaveConfiguration, docs of jmeter.save.saveservice.*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Delimited, Head, Options, Reading, Rows
from zdtrace.importers.local_time import local_ns, zone_of
from zdtrace.importers.sql import identifier, literal

_DEFAULT = (
    "timeStamp",
    "elapsed",
    "label",
    "responseCode",
    "responseMessage",
    "threadName",
    "dataType",
    "success",
    "failureMessage",
    "bytes",
    "sentBytes",
    "grpThreads",
    "allThreads",
    "URL",
    "Latency",
    "IdleTime",
    "Connect",
)
"""Columns of JMeter 5 as it comes, for files without a header."""
_DATES = (
    (re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}$"), "%Y/%m/%d %H:%M:%S.%g"),
    (re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d$"), "%Y/%m/%d %H:%M:%S"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$"), "%Y-%m-%d %H:%M:%S.%g"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d$"), "%m/%d/%y %H:%M:%S"),
)
"""The forms of time that JMeter itself reads back."""
_TELLING = frozenset({"timeStamp", "label", "responseCode", "threadName", "Latency", "grpThreads"})
_SEPARATORS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class JmeterCsv:
    """`jmeter -n -l FILE`, one row a sample."""

    name: str = "jmeter-csv"
    title: str = "JMeter JTL (csv)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for JMeter's column names, or for its default columns without a header."""
        return _layout(head) is not None

    def read(self, head: Head, options: Options) -> Reading:
        """Take whatever columns there are; time, elapsed and the response's code are needed."""
        names, separator, header = _layout(head) or (_DEFAULT, ",", False)
        missing = [name for name in ("timeStamp", "elapsed", "responseCode") if name not in names]
        if missing or len(set(names)) < len(names):
            raise UnusableFile(
                head.path,
                f"it has no column {', '.join(missing)}" if missing else "two columns have the same name",
                hint="run JMeter with -Jjmeter.save.saveservice.timestamp_format=ms "
                "-Jjmeter.save.saveservice.time=true -Jjmeter.save.saveservice.response_code=true",
            )
        start, resolution = _start(head, options, names, separator, header=header)

        def field(name: str) -> str:
            return f"nullif(r.{identifier(name)}, '')" if name in names else "null"

        columns = sample_columns(field, start, resolution, elapsed="elapsed", code="responseCode")
        not_one = "when r.elapsed is null then 'not a line of this format'"
        success = "when lower(r.success) not in ('true', 'false') then 'not a line of this format'"
        return Reading(
            raw=Delimited(names, separator, header),
            rows=(Rows("requests", columns),),
            reject=f"case {not_one} {success if 'success' in names else ''} end",
            written="start and latency",
            resolution_ns=resolution,
        )


def sample_columns(
    field: Callable[[str], str], start: str, resolution: int, *, elapsed: str, code: str
) -> dict[str, str]:
    """Return the columns of a sample; `field` gives the SQL for one of its fields by JMeter's name.

    A sample that is no success although it has a status failed an assertion: its words are kept as the error.
    """
    status, words = f"try_cast({field(code)} as integer)", f"{field('responseMessage')}"
    cause = f"replace({field(code)}, 'Non HTTP response code: ', '')"
    message = f"replace({words}, 'Non HTTP response message: ', '')"
    unsuccessful = f"{field('failureMessage')}"
    return {
        "started_at_ns": start,
        "ended_at_ns": f"{start} + ms_ns({field(elapsed)})",
        "resolution_ns": str(resolution),
        "status": f"case when {status} between 100 and 999 then {status} end",
        "error": f"case when {status} between 100 and 999 then {unsuccessful} "
        f"else coalesce(nullif(concat_ws(': ', {cause}, {message}), ''), 'no response') end",
        "url": f"coalesce(nullif({field('URL')}, 'null'), if_path({field('label')}))",
        "thread": field("threadName"),
    }


def _layout(head: Head) -> tuple[tuple[str, ...], str, bool] | None:
    """Return columns, separator and whether there is a header; null when this is no JTL."""
    lines = head.raw_lines
    if not lines:
        return None
    for separator in _SEPARATORS:
        names = tuple(lines[0].split(separator))
        if "elapsed" in names and len(_TELLING.intersection(names)) >= 2:
            return names, separator, True
        cells = lines[0].split(separator)
        if (
            len(cells) == len(_DEFAULT)
            and re.fullmatch(r"\d{13}", cells[0])
            and cells[7] in ("true", "false")
        ):
            return _DEFAULT, separator, False
    return None


def _start(
    head: Head, options: Options, names: tuple[str, ...], separator: str, *, header: bool
) -> tuple[str, int]:
    """Return SQL for START and its resolution in ns, by what the first sample's time looks like."""
    at = names.index("timeStamp")
    rows = [line.split(separator) for line in head.raw_lines[header:]]
    for cells in rows:
        sample = cells[at].strip('"') if len(cells) > at else ""
        if re.fullmatch(r"\d{13}", sample):
            break
        for look, form in _DATES:
            if look.match(sample):
                zone = zone_of(head, options, what="JMeter's timestamp_format")
                moment = f"try_strptime(r.{identifier('timeStamp')}, {literal(form)})"
                return local_ns(moment, zone), 1_000_000 if form.endswith("%g") else 1_000_000_000
    return f"epoch_ms_ns(r.{identifier('timeStamp')})", 1_000_000
