"""Times that a log writes without a zone or a year: the user or a runtime's stamp says it, nobody guesses."""

from __future__ import annotations

import re

from zdtrace.errors import UnusableFile, UsageError
from zdtrace.importers.base import Head, Options
from zdtrace.importers.sql import literal

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_KLOG_HEAD = re.compile(r"^[IWEF](\d\d)\d\d \d\d:\d\d:\d\d\.\d{6} ")

KLOG = (
    r"(?P<klog_level>[IWEF])(?P<klog_year>\d{4})?(?P<klog_day>\d{4}) (?P<klog_time>\d\d:\d\d:\d\d\.\d{6})"
    r" +\d+ (?P<klog_source>[^\]\s]+)\] (?P<klog_message>.*)"
)
"""A line of klog, or of the NGINX controller's like of it, which writes the year too."""


def local_ns(timestamp: str, zone: str) -> str:
    """Return SQL for the instant in ns of a TIMESTAMP (without zone) that is local time of `zone`."""
    if zone.upper() in ("UTC", "Z", "GMT"):
        return f"epoch_us({timestamp}) * 1000"
    if offset := _OFFSET.fullmatch(zone):
        sign, hours, minutes = offset.groups()
        seconds = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1)
        return f"(epoch_us({timestamp}) * 1000 - {seconds * 1_000_000_000})"
    _check_zone(zone)
    return f"epoch_us(timezone({literal(zone)}, {timestamp})) * 1000"


def zone_of(head: Head, options: Options, *, what: str) -> str:
    """Return the zone the user named. Raises UnusableFile with advice when there is none."""
    if options.time_zone is None:
        raise UnusableFile(
            head.path,
            f"{what} writes local time without a zone",
            hint="say which: add --time-zone UTC for a container (they run in UTC unless told otherwise), "
            "or --time-zone Europe/Berlin",
        )
    return options.time_zone


def klog_ns(head: Head, options: Options) -> str:
    """Return SQL for the instant of a `KLOG` line, which has no zone and mostly no year; resolution 1 us.

    The year comes from the runtime's stamp or from `options.year`: that of the file's first line, so that a
    log may go on into January. klog's own time is kept where it agrees with the stamp, which is later by
    what the pipe took. Raises UnusableFile when it has klog lines and neither.
    """
    zone = options.time_zone or "UTC"
    clock = "r.klog_day || ' ' || r.klog_time"

    def instant(year: str) -> str:
        return local_ns(f"try_strptime({year} || {clock}, '%Y%m%d %H:%M:%S.%f')", zone)

    written = f"case when r.klog_year <> '' then {instant('r.klog_year')} end"
    if head.is_stamped:
        own = instant("year(make_timestamp(stamped_at_ns // 1000))::varchar")
        agrees = f"stamped_at_ns - {own} between -1000000000 and 60000000000"
        return f"coalesce({written}, case when {agrees} then {own} else stamped_at_ns end)"
    if options.year is not None:
        first = next((found[1] for line in head.lines if (found := _KLOG_HEAD.match(line))), "01")
        year = f"({options.year} + (r.klog_day[1:2] < {literal(first)})::integer)::varchar"
        return f"coalesce({written}, {instant(year)})"
    if not any(_KLOG_HEAD.match(line) for line in head.lines):
        return written
    raise UnusableFile(
        head.path,
        "its lines have month, day and time, but no year",
        hint="add --year 2026, or export it with stamps: kubectl logs --timestamps",
    )


def klog_notes(head: Head, options: Options) -> tuple[str, ...]:
    """Return what the user should know about the zone of klog's times."""
    if head.is_stamped or options.time_zone:
        return ()
    return ("klog writes no zone: read as UTC, as containers have it (--time-zone says otherwise)",)


def go_duration_ms(text: str) -> str:
    """Return SQL for the ms of a duration as Go prints it: `72.878571ms`, `1m2.5s`; null for any other."""
    units = {"h": 3_600_000.0, "m": 60_000.0, "s": 1000.0, "ms": 1.0, "[uµ]s": 1e-3, "ns": 1e-6}
    parts = " + ".join(
        f"coalesce(try_cast(regexp_extract({text}, '([0-9.]+){unit}(?:[0-9]|$)', 1) as double), 0) * {scale}"
        for unit, scale in units.items()
    )
    return f"case when regexp_full_match({text}, '(?:[0-9.]+(?:h|m|s|ms|us|µs|ns))+') then {parts} end"


def _check_zone(zone: str) -> None:
    """Ask the engine that will use it. Raises UsageError for a zone that nobody knows."""
    import duckdb

    try:
        with duckdb.connect() as db:
            db.execute("select timezone(?, timestamp '2026-01-01')", [zone])
    except duckdb.Error:
        raise UsageError(
            f"no time zone is called `{zone}`",
            hint="use UTC, an offset as +02:00, or a name as Europe/Berlin",
        ) from None
