"""Locust: one CSV row a request, written by the user's own listener of `events.request`.

Locust has no such file of its own, so columns are known by the names of the event's arguments. `FastHttpUser`
reports the status of a response whose body was cut short, beside the exception; `HttpUser` reports 0.
Source: locust/event.py, locust/clients.py, locust/contrib/fasthttp.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Delimited, Head, Options, Reading, Rows
from zdtrace.importers.sql import identifier

_START = ("start_time", "started_at", "start")
_LATENCY_MS = ("response_time_ms", "response_time")
_STATUS = ("status", "status_code", "response_code")
_ERROR = ("exception", "error")
_METHOD = ("request_type", "method")
_THREAD = ("user", "user_id", "greenlet")
_ID = ("request_id", "correlation_id", "x_request_id")


@dataclass(frozen=True)
class LocustCsv:
    """Rows with start_time, response_time and the exception."""

    name: str = "locust-csv"
    title: str = "Locust (CSV of an `events.request` listener)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the names of the event's arguments in the first line."""
        names = head.text.split("\n", 1)[0].strip().split(",")
        return "request_type" in names and "exception" in names and bool(set(_LATENCY_MS) & set(names))

    def read(self, head: Head, options: Options) -> Reading:
        """Take the columns that the listener wrote; without `start_time` there is no time."""
        names = tuple(head.text.split("\n", 1)[0].strip().split(","))
        if len(set(names)) < len(names):
            raise UnusableFile(head.path, "two columns of its header have the same name")

        def field(*candidates: str) -> str:
            found = next((name for name in candidates if name in names), None)
            return f"nullif(r.{identifier(found)}, '')" if found else "null"

        start, latency, status, error = (field(*names) for names in (_START, _LATENCY_MS, _STATUS, _ERROR))
        if start == "null":
            raise UnusableFile(
                head.path,
                "its rows have no `start_time`",
                hint="write the event's `start_time` (epoch seconds) as a column, or use --columns start=…",
            )
        code = f"try_cast({status} as integer)"
        columns = {
            "started_at_ns": f"epoch_s_ns({start})",
            "ended_at_ns": f"epoch_s_ns({start}) + ms_ns({latency})",
            # start_time is a float since 1970: good to a quarter of a microsecond, written with 7 digits.
            "resolution_ns": "1000",
            "status": f"case when {code} between 100 and 999 then {code} end",
            "error": f"if({code} between 100 and 999, {error}, coalesce({error}, {_without(status)}))",
            # A validation that the script made itself says nothing about the body.
            "is_truncated": f"{code} between 100 and 399 and {error} is not null "
            f"and not starts_with({error}, 'CatchResponseError')",
            "method": field(*_METHOD),
            "url": f"coalesce({field('url')}, if_path({field('name')}))",
            "thread": field(*_THREAD),
            "correlation_id": field(*_ID),
        }
        return Reading(
            raw=Delimited(names),
            rows=(Rows("requests", columns),),
            written="start and latency",
            resolution_ns=1000,
        )


def _without(status: str) -> str:
    """Return SQL for the error of a row with neither status nor exception: none if no status is written."""
    return "null" if status == "null" else "'no response'"
