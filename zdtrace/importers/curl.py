"""curl in a loop: what `-w` wrote after each transfer.

curl itself writes no time (before 8.16), so the loop's `date` must: START, as the shell saw it. A transfer
that broke while the body was read has a status *and* an exit code: 18 partial file, 28 timeout, 56 receive
failed, 92 HTTP/2 stream.
Source: curl(1), docs/cmdline-opts/write-out.md; libcurl-errors(3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Head, JsonLines, Options, Pattern, Reading, Rows

_TIME_KEYS = ("start", "started_at", "start_time", "timestamp", "time", "ts", "date")
_ADVICE = (
    r"""curl -s -o /dev/null -w "{\"start\":\"$(date -u +%FT%T.%NZ)\",\"curl\":%{json}}\n" URL >> FILE"""
)
_NOTE = "START is when the shell asked `date`: curl began some milliseconds later"


def _columns(start: str, status: str, exit_code: str, words: str, total: str) -> dict[str, str]:
    known = f"case when try_cast({status} as integer) between 100 and 999 then {status}::integer end"
    code = f"try_cast({exit_code} as integer)"
    return {
        "started_at_ns": start,
        "ended_at_ns": f"{start} + s_ns({total})",
        "resolution_ns": "1000",
        "status": known,
        "error": f"case when {code} <> 0 or ({known}) is null then "
        f"concat_ws(' ', coalesce(nullif({words}, ''), 'no response'), '(exit ' || {exit_code} || ')') end",
        "is_truncated": f"({known}) is not null and {code} <> 0",
    }


@dataclass(frozen=True)
class CurlJson:
    """`%{json}` of each transfer, alone with a time key or as `curl` beside one."""

    name: str = "curl-json"
    title: str = "curl -w '%{json}'"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for curl's own names."""
        names = {"time_total", "http_code", "exitcode"}
        return head.has_objects_with(*names) or any(
            isinstance(each.get("curl"), dict) and names <= each["curl"].keys() for each in head.objects[:1]
        )

    def read(self, head: Head, options: Options) -> Reading:
        """Take START from the key that the loop added. Raises UnusableFile when it added none."""
        first = head.objects[0] if head.objects else {}
        key = next((name for name in _TIME_KEYS if _is_instant(first.get(name))), None)
        if key is None:
            raise UnusableFile(
                head.path,
                "curl's lines do not say when: none of them has a time",
                hint=f"let the loop add it: {_ADVICE}",
            )
        fields = {key: "VARCHAR"}
        inner = dict.fromkeys(("http_code", "exitcode", "errormsg", "time_total", "method", "url"), "VARCHAR")
        where = "r"
        if isinstance(first.get("curl"), dict):
            struct = ", ".join(f"{name} VARCHAR" for name in inner)
            fields, where = {**fields, "curl": f"STRUCT({struct})"}, "r.curl"
        else:
            fields.update(inner)
        values = (f"{where}.{name}" for name in ("http_code", "exitcode", "errormsg", "time_total"))
        columns = _columns(f'iso_ns(r."{key}")', *values)
        return Reading(
            raw=JsonLines(fields),
            rows=(Rows("requests", {**columns, "method": f"{where}.method", "url": f"{where}.url"}),),
            reject=f"case when {where}.exitcode is null and {where}.http_code is null then 'no status' end",
            written="start and latency",
            resolution_ns=1000,
            notes=(_NOTE,),
        )


@dataclass(frozen=True)
class CurlTsv:
    """`-w "$(date -u +%FT%T.%NZ)\\t%{http_code}\\t%{exitcode}\\t%{errormsg}\\t%{time_total}…"`."""

    name: str = "curl-tsv"
    title: str = "curl -w with tabs"
    clock: str = "client"

    pattern = (
        r"^(?P<start>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))\t(?P<status>\d{3})\t"
        r"(?P<code>\d{1,3})\t(?P<words>[^\t]*)\t(?P<total>[\d.]+)(?:\t.*?)??(?:\t(?P<url>https?://[^\t]+))?\s*$"
    )

    def sniff(self, head: Head) -> bool:
        """Look for an instant, a status, an exit code, words and seconds."""
        return head.matches(re.compile(self.pattern))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a transfer; a last column that is a URL is its URL."""
        columns = _columns("iso_ns(r.start)", "r.status", "r.code", "r.words", "r.total")
        return Reading(
            raw=Pattern(self.pattern, required="start"),
            rows=(Rows("requests", {**columns, "url": "nullif(r.url, '')"}),),
            written="start and latency",
            resolution_ns=1000,
            notes=(_NOTE,),
        )


def _is_instant(value: object) -> bool:
    return isinstance(value, str) and bool(
        re.match(r"\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)$", value)
    )
