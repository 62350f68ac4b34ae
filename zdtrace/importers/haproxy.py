"""HAProxy's `option httplog`.

The line names the START in local ms, five timers in ms (-1: not reached), how the session ended in two
letters (`SC` refused, `SH` cut before the headers, `sH` no answer in time, `SD` cut in mid body) and the
server's NAME; its address only where `%si:%sp` was added after the request. A client that went away shows as
504 sH unless `option abortonclose` is set.
Source: HAProxy's configuration.txt, 8.2.3 and 8.5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from zdtrace.importers.base import Head, Options, Pattern, Reading, Rows
from zdtrace.importers.local_time import local_ns, zone_of

_DATE = r"\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}"
_PATTERN = (
    r"^(?:.*? )?(?P<client>[0-9A-Fa-f.:]+:\d+|unix:\d+) "
    rf"\[(?P<started>{_DATE})\] \S+ (?P<backend>[^\s/]+)/(?P<server>\S+) "
    r"-?\d+/(?P<queued>-?\d+)/(?P<connected>-?\d+)/(?P<answered>-?\d+)/\+?(?P<total>-?\d+) "
    r"(?P<status>-?\d+) \+?(?P<bytes>\d+) \S+ \S+ (?P<ending>[A-Za-z-]{4}) "
    r"\d+/\d+/\d+/\d+/\+?(?P<retries>\d+) \d+/\d+ (?:\{(?P<captured>[^}]*)\} )?(?:\{[^}]*\} )?"
    r'"(?P<request>[^"]*)"?(?: (?P<address>[0-9A-Fa-f.:]+:\d+|-:-|<\S+>))?\s*$'
)
_SNIFFED = re.compile(rf"\S+:\d+ \[{_DATE}\] \S+ \S+/\S+ -?\d+/-?\d+/-?\d+/-?\d+/\+?-?\d+ ")
_STAMPED = re.compile(
    r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z .*?\[(\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d)\.\d{3}\]"
)
_RFC5424 = re.compile(r"^(?:<\d+>)?(?:1 )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|[+-]\d\d:\d\d) ")

# `<NOSRV>` and `<STATS>`: no server was chosen.
_NO_SERVER = "starts_with(r.server, '<')"
# `%si:%sp` after the request is what `zdtrace doctor` asks for; what is captured then is the request's id alone.
_HAS_ADDRESS = "regexp_matches(r.address, '^[0-9A-Fa-f]')"
_COLUMNS = {
    "resolution_ns": "1000000",
    "proxy": "'haproxy'",
    "status": "case when r.status::integer between 100 and 999 then r.status::integer end",
    "method": "request_method(r.request)",
    "path": "request_path(r.request)",
    "client_address": "r.client",
    "bytes_sent": "r.bytes",
    # The second letter is the phase in which it ended, D: while data was on its way.
    "is_truncated": "case when r.ending[2:2] = 'D' and r.ending[1:1] in ('S', 's', 'P') then true "
    "when r.ending[1:2] = '--' then false end",
    "flags": "nullif(r.ending, '----')",
    "upstream_name": "r.backend",
    "upstream_addresses": f"case when not {_NO_SERVER} then if({_HAS_ADDRESS}, r.address, r.server) end",
    "correlation_id": "case when r.address <> '' and regexp_full_match(r.captured, '[0-9A-Za-z_.:/+=-]+') "
    "then r.captured end",
    "upstream_statuses": f"case when {_NO_SERVER} then null when r.answered::integer < 0 then '-' "
    "else r.status end",
    "upstream_connect_times_s": f"case when {_NO_SERVER} then null when r.connected::integer < 0 then '-' "
    "else printf('%.3f', r.connected::integer / 1e3) end",
    "upstream_header_times_s": f"case when {_NO_SERVER} then null when r.answered::integer < 0 then '-' "
    "else printf('%.3f', (r.connected::integer + r.answered::integer) / 1e3) end",
    "attempts": f"case when not {_NO_SERVER} then r.retries::integer + 1 end",
}


@dataclass(frozen=True)
class HaproxyHttplog:
    """With or without a syslog prefix."""

    name: str = "haproxy-httplog"
    title: str = "HAProxy option httplog"
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for client, date, backend/server and five timers."""
        return head.matches(_SNIFFED)

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request. Raises UnusableFile when neither syslog nor the user tells the zone."""
        zone = options.time_zone or _zone_of_syslog(head) or _zone_of_stamps(head)
        zone = zone or zone_of(head, options, what="HAProxy")
        start = local_ns("try_strptime(r.started, '%d/%b/%Y:%H:%M:%S.%g')", zone)
        # `Tt`/`Ta` may be shorter than the whole with `option logasap`: then it is the time to the headers.
        end = f"{start} + r.total::bigint * 1000000"
        return Reading(
            raw=Pattern(_PATTERN, required="started"),
            rows=(Rows("proxy_requests", {"started_at_ns": start, "ended_at_ns": end, **_COLUMNS}),),
            written="start and latency",
            resolution_ns=1_000_000,
            # Captured cookies and headers stand between the fields.
            withhold_rejects=True,
        )


def _zone_of_syslog(head: Head) -> str | None:
    """Return the offset in syslog's own time, when all lines have the same: both clocks are one."""
    found = [match[1] for line in head.raw_lines if (match := _RFC5424.match(line))]
    if len(found) != len(head.raw_lines) or len(set(found)) != 1 or head.is_stamped:
        return None
    return "UTC" if found[0] == "Z" else found[0]


def _zone_of_stamps(head: Head) -> str | None:
    """Return the offset between the times that a container runtime stamped and HAProxy's own, to a quarter of an hour.

    A line is stamped when its request ends and says when it began, so the shortest request tells most.
    """
    leads_s = []
    for line in head.raw_lines:
        if (found := _STAMPED.search(line)) is not None:
            try:
                stamped = datetime.fromisoformat(f"{found[1]}+00:00")
                written = datetime.strptime(f"{found[2]}+0000", "%d/%b/%Y:%H:%M:%S%z")
            except ValueError:
                continue
            leads_s.append((written - stamped).total_seconds())
    if not head.is_stamped or not leads_s:
        return None
    quarters = round(max(leads_s) / 900)
    if abs(max(leads_s) - quarters * 900) > 300 or abs(quarters) > 56:
        return None
    hours, minutes = divmod(abs(quarters) * 15, 60)
    return f"{'-' if quarters < 0 else '+'}{hours:02}:{minutes:02}"
