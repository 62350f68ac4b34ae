"""nginx' error log: why an attempt failed, and when workers came and went.

It is the only place where a body that was cut short shows (`readv() failed … while reading upstream`), joined
with the access log by worker and connection. Its own time is a whole local second; a container runtime's
stamp is better. Source: ngx_log.c, ngx_http_upstream.c, ngx_process_cycle.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.importers.base import Head, Options, Pattern, Reading, Rows
from zdtrace.importers.local_time import local_ns, zone_of

LINE = (
    r"(?P<error_time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<error_level>[a-z]+)\] (?P<error_pid>\d+)#\d+: "
    r"(?:\*(?P<error_connection>\d+) )?(?P<error_message>.*)"
)
_SNIFFED = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\] \d+#\d+: ")

# What is said of the client's side (`recv() failed … while waiting for request`) is not meant.
_UPSTREAM_ERROR = (
    r"^(?:connect\(\) failed|upstream (?:timed out|prematurely closed|sent )|no live upstreams"
    r"|(?:recv|readv|send|sendfile|writev)\(\) failed .*upstream"
    r"|(?:SSL_do_handshake\(\) failed|peer closed connection in SSL handshake|upstream SSL ).*upstream"
    r"|\S+ could not be resolved|limiting (?:requests|connections)|\d+ worker_connections are not enough)"
)
# A reload says `signal 1 (SIGHUP) received …, reconfiguring` and then `reconfiguring`: the second counts.
_EVENT = f"""case
    when r.error_message = 'reconfiguring' then 'reload_began'
    when starts_with(r.error_message, 'start worker process ') then 'worker_started'
    when r.error_message in ('gracefully shutting down', 'exiting') then 'worker_exiting'
    when regexp_matches(r.error_message, '^worker process \\d+ exited ') then 'worker_exited'
    when starts_with(r.error_message, 'upstream server temporarily disabled') then 'upstream_disabled'
    when regexp_matches(r.error_message, '{_UPSTREAM_ERROR}') then 'upstream_error'
    when r.error_level in ('emerg', 'alert') then 'config_failed'
end"""


@dataclass(frozen=True)
class NginxError:
    """A line an event; what is neither an upstream's error nor a worker's life is passed over."""

    name: str = "nginx-error"
    title: str = "nginx error log"
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for time, level and process#thread."""
        return head.matches(_SNIFFED)

    def read(self, head: Head, options: Options) -> Reading:
        """Raises UnusableFile when neither a stamp nor the user tells the zone."""
        instant, resolution = when(head, options)
        return Reading(
            raw=Pattern(f"^{LINE}$", required="error_time"),
            rows=(Rows("proxy_events", columns("nginx", instant, resolution)),),
            written="instant",
            resolution_ns=1 if head.is_stamped else 1_000_000_000,
            # Lua prints its tracebacks on lines of their own, indented.
            skip=f"regexp_matches(text, '^\\s') or (r is not null and ({event()}) is null)",
        )


def event() -> str:
    """Return SQL for the event of a line; null when it is none."""
    return _EVENT


def when(head: Head, options: Options) -> tuple[str, str]:
    """Return SQL for a line's instant and its resolution. Raises UnusableFile when its zone is not known."""
    if head.is_stamped and options.time_zone is None:
        return "stamped_at_ns", "1"
    zone = zone_of(head, options, what="nginx' error log")
    written = local_ns("try_strptime(r.error_time, '%Y/%m/%d %H:%M:%S')", zone)
    return f"coalesce(stamped_at_ns, {written})", "if(stamped_at_ns is null, 1000000000, 1)"


def columns(proxy: str, instant: str, resolution: str) -> dict[str, str]:
    """Return SQL for the columns of `proxy_events`."""
    message = "r.error_message"
    request = (
        rf"""regexp_extract({message}, ', request: "(.*?)", (?:subrequest|upstream|host|referrer): ', 1)"""
    )
    upstream = (
        rf"""regexp_extract({message}, ', upstream: "[a-z]+://(?:[^/"@]*@)?(unix:[^:"]+|[^/"@]+)', 1)"""
    )
    return {
        "logged_at_ns": instant,
        "resolution_ns": resolution,
        "proxy": f"'{proxy}'",
        "event": event(),
        "level": "r.error_level",
        # The master tells of its workers: they are meant, not the master.
        "process_id": "coalesce("
        f"nullif(regexp_extract({message}, '^(?:start |)worker process (\\d+)', 1), ''), r.error_pid)",
        "connection_id": "nullif(r.error_connection, '')",
        "upstream_address": f"nullif({upstream}, '')",
        "host": rf"""nullif(regexp_extract({message}, ', host: "([^"]*)"', 1), '')""",
        "path": f"request_path({request})",
        "client_address": rf"nullif(regexp_extract({message}, ', client: (unix:|[0-9A-Fa-f.:]+)', 1), '')",
        "subject": rf"""nullif(coalesce(
            nullif(regexp_extract({message}, '^(\S+) could not be resolved', 1), ''),
            regexp_extract({message}, ', excess: [^,]*? by zone "([^"]*)"', 1)), '')""",
        # What follows has columns of its own.
        "message": rf"regexp_replace({message}, ', client: .*$', '')",
    }
