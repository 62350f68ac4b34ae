"""How far another clock is from ours, by the `Date` of its answers.

`Date` has whole seconds, so an answer bounds the offset to a second; one that is asked for at the moment at which
that clock, as far as known, turns a second, halves what is left. Eight answers leave some milliseconds and the time
that the answer was on its way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

SECOND_NS = 1_000_000_000
_ROUNDS = 8
_NARROW_NS = 4_000_000
_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """A clock minus ours lies between the two."""

    lo_ns: int
    hi_ns: int

    def and_(self, other: Bounds) -> Bounds | None:
        """Return what both allow; null when nothing: one of the clocks was set meanwhile."""
        lo_ns, hi_ns = max(self.lo_ns, other.lo_ns), min(self.hi_ns, other.hi_ns)
        return Bounds(lo_ns, hi_ns) if lo_ns < hi_ns else None


@dataclass(frozen=True, slots=True)
class Dated:
    """An answer: when it was asked for and when its headers were there, our clock, and the `Date` they say."""

    asked_at_ns: int
    answered_at_ns: int
    date: str

    @property
    def bounds(self) -> Bounds | None:
        """What it says of the offset; null when its date cannot be read."""
        try:
            date_ns = int(parsedate_to_datetime(self.date).timestamp()) * SECOND_NS
        except (ValueError, TypeError, OverflowError):
            return None
        return Bounds(date_ns - self.answered_at_ns, date_ns + SECOND_NS - self.asked_at_ns)


Ask = Callable[[], str | None]
"""Asks once and returns the `Date` of the answer; null when there was none."""


def measure(
    ask: Ask, pause: Callable[[float], object] = time.sleep, now_ns: Callable[[], int] = time.time_ns
) -> tuple[int, Bounds] | None:
    """Return when a clock was sampled and its bounds; null when it does not answer, or says no date."""
    bounds: Bounds | None = None
    for _ in range(_ROUNDS):
        if bounds is not None:
            if bounds.hi_ns - bounds.lo_ns <= _NARROW_NS:
                break
            # Ask when that clock, by the middle of what is known, turns a second.
            middle = (bounds.lo_ns + bounds.hi_ns) // 2
            pause((-(now_ns() + middle) % SECOND_NS) / SECOND_NS)
        asked_at_ns = now_ns()
        date = ask()
        answer = Dated(asked_at_ns, now_ns(), date or "").bounds
        if answer is None:
            return None if bounds is None else (now_ns(), bounds)
        bounds = answer if bounds is None else (bounds.and_(answer) or answer)
    assert bounds is not None  # noqa: S101 - there was a round
    return now_ns(), bounds


class ClockSampler(threading.Thread):
    """Samples one clock at the beginning, now and then, and at the end."""

    def __init__(self, clock: str, ask: Ask, tell: Callable[[str, int, Bounds], None]) -> None:
        super().__init__(name=f"clock {clock}", daemon=True)
        self.clock = clock
        self._ask = ask
        self._tell = tell
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Take no more samples."""
        self._stopping.set()

    def run(self) -> None:
        """Sample until told to stop."""
        while True:
            found = measure(self._ask, self._stopping.wait)
            if found is not None:
                self._tell(self.clock, *found)
            if self._stopping.is_set():
                return
            self._stopping.wait(_EVERY_S)
