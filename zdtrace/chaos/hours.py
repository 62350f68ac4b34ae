"""Hours of the week in a time zone, as people say them: 22:00 to 06:00 in Berlin, Saturdays and Sundays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Self

from zdtrace.chaos.fields import Fields

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_A_DAY = 24 * 60
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|24:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From one minute of the day to another (before it, when that is the next day), on the days they begin on."""

    from_minute: int
    to_minute: int
    days: tuple[str, ...] = DAYS
    zone: str = "UTC"

    @classmethod
    def read(cls, fields: Fields, zone: str) -> Self:
        """Read `from`, `to`, `days` and `timeZone`, each of which may be left out. Raises UsageError."""
        zone = fields.text("timeZone", zone)
        if _zone(zone) is None:
            fields.refuse("timeZone", f"`{zone}` is no time zone that this machine knows", hint="write Europe/Berlin")
        days = fields.texts("days") or DAYS
        if unknown := [each for each in days if each not in DAYS]:
            fields.refuse("days", f"`{unknown[0]}` is none of {', '.join(DAYS)}")
        found = cls(
            from_minute=_minute(fields, "from", "00:00"), to_minute=_minute(fields, "to", "24:00"), days=days,
            zone=zone,
        )
        fields.end()
        return found

    def holds(self, now: datetime) -> bool:
        """Tell whether a moment (with a zone) is in them."""
        zone = _zone(self.zone)
        local = now.astimezone(zone)
        minute = local.hour * 60 + local.minute
        if self.from_minute < self.to_minute:
            return DAYS[local.weekday()] in self.days and self.from_minute <= minute < self.to_minute
        yesterday = local - timedelta(days=1)
        is_since_today = DAYS[local.weekday()] in self.days and minute >= self.from_minute
        return is_since_today or (DAYS[yesterday.weekday()] in self.days and minute < self.to_minute)

    @property
    def words(self) -> str:
        """Say them."""
        days = "" if self.days == DAYS else f" on {', '.join(self.days)}"
        return f"{_clock(self.from_minute)} to {_clock(self.to_minute)}{days} ({self.zone})"


def _minute(fields: Fields, name: str, default: str) -> int:
    said = fields.take(name, default)
    if isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= _MINUTES_A_DAY:
        return said  # YAML 1.1 reads 22:00 without quotes as 22 times 60 and 0
    found = _CLOCK.fullmatch(str(said))
    if found is None:
        fields.refuse(name, f"`{said}` is no time of day", hint='write it as "22:00"')
    return _MINUTES_A_DAY if found[1] is None else int(found[1]) * 60 + int(found[2])


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _zone(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None
