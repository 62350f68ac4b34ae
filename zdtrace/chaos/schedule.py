"""When a periodic experiment runs: at fixed distances from its start, each a little later by chance, until a moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from zdtrace.errors import UsageError
from zdtrace.spans import span_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Each `every_s`, up to `jitter_s` later, none after `until` (null: for ever)."""

    every_s: float
    jitter_s: float = 0.0
    until: datetime | None = None

    def moments(self, began: datetime, chance: random.Random) -> Iterator[datetime]:
        """Yield when to run, the first at once but for the jitter."""
        number = 0
        while True:
            moment = began + timedelta(seconds=number * self.every_s + chance.uniform(0, self.jitter_s))
            if self.until is not None and moment > self.until:
                return
            yield moment
            number += 1


def next_moment(moments: Iterator[datetime], now: datetime) -> datetime | None:
    """Return the first moment that is not past, null when there is none."""
    return next((each for each in moments if each >= now), None)


def parse_schedule(every: str | None, jitter: str | None, until: str | None, now: datetime) -> Schedule | None:
    """Read `--every 6h --jitter 10m --until 2026-12-01T08:00Z` (or `--until 7d`, from now); null without `--every`.

    Raises UsageError.
    """
    if every is None:
        if jitter or until:
            raise UsageError("`--jitter` and `--until` are for a schedule", hint="add --every 6h")
        return None
    every_s, jitter_s = span_s(every, "--every"), span_s(jitter or "0s", "--jitter")
    if every_s < 1:
        raise UsageError(f"`--every {every}` is no distance", hint="write it as 6h")
    if jitter_s >= every_s:
        raise UsageError("`--jitter` must be shorter than `--every`", hint="write --every 6h --jitter 10m")
    return Schedule(every_s=every_s, jitter_s=jitter_s, until=None if until is None else _moment(until, now))


def _moment(text: str, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return now + timedelta(seconds=span_s(text, "--until"))
    # Without a zone the clock on the wall is meant.
    return found.astimezone(UTC)
