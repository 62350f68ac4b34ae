"""autocannon's events, written by a hook: `t` = Date.now() at the END, and for responses how long they took.

An error has no duration: it is put down as a point in time. While a port is closed autocannon tries a
thousand times a second: count time, not rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from zdtrace.importers.base import Head, JsonLines, Options, Reading, Rows


@dataclass(frozen=True)
class AutocannonHook:
    """`{t: Date.now(), ev: 'response', status, bytes, ms}` and `{t, ev: 'reqError', code, message}`."""

    name: str = "autocannon-hook"
    title: str = "autocannon events (own hook)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the two events' names."""
        return head.has_objects_with("t", "ev") and any(
            each.get("ev") in ("response", "reqError") for each in head.objects
        )

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request that ended."""
        end = "epoch_ms_ns(r.t)"
        columns = {
            "started_at_ns": f"{end} - if(r.ev = 'reqError', coalesce(ms_ns(r.ms), 0), ms_ns(r.ms))",
            "ended_at_ns": end,
            "resolution_ns": "1000000",
            "status": "case when r.ev = 'response' and try_cast(r.status as integer) between 100 and 999 "
            "then r.status::integer end",
            "error": "case when r.ev = 'reqError' then coalesce(r.message, r.code, 'error') "
            "when try_cast(r.status as integer) between 100 and 999 then null else 'no response' end",
        }
        return Reading(
            raw=JsonLines(dict.fromkeys(("t", "ev", "status", "ms", "code", "message"), "VARCHAR")),
            rows=(Rows("requests", columns),),
            reject="case when r.ev is null or r.ev not in ('response', 'reqError') then 'no known event' "
            "when try_cast(r.ms as double) < 0 then 'negative latency' end",
            written="end and latency",
            resolution_ns=1_000_000,
            notes=("errors have no duration here: each is one moment, the END",),
        )
