"""`Date` has whole seconds; asked at the right moments, it tells milliseconds."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from zdtrace.collectors.clocks import Bounds, Dated, measure

SECOND_NS, MS = 1_000_000_000, 1_000_000
START_NS = 1_795_450_667 * SECOND_NS + 123_456_789


class Machine:
    """A clock of ours that stands still while nobody waits, and another one that differs."""

    def __init__(self, ahead_ns: int, way_ns: int = MS) -> None:
        self.now_ns = START_NS
        self.ahead_ns = ahead_ns
        self.way_ns = way_ns
        self.asked = 0

    def pause(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)

    def ask(self) -> str:
        self.asked += 1
        self.now_ns += self.way_ns // 2
        date = formatdate((self.now_ns + self.ahead_ns) // SECOND_NS, usegmt=True)
        self.now_ns += self.way_ns // 2
        return date


@pytest.mark.parametrize("ahead_ms", [0, 3, -40, 499, 500, 1700, -86_400_250])
def test_the_bounds_hold_the_offset_and_are_narrow(ahead_ms: int) -> None:
    machine = Machine(ahead_ms * MS)
    found = measure(machine.ask, machine.pause, lambda: machine.now_ns)
    assert found is not None
    _, bounds = found
    assert bounds.lo_ns <= ahead_ms * MS <= bounds.hi_ns
    assert bounds.hi_ns - bounds.lo_ns <= 12 * MS
    assert machine.asked <= 8


def test_a_long_way_leaves_wide_bounds_that_still_hold() -> None:
    machine = Machine(20 * MS, way_ns=300 * MS)
    found = measure(machine.ask, machine.pause, lambda: machine.now_ns)
    assert found is not None
    assert found[1].lo_ns <= 20 * MS <= found[1].hi_ns


def test_one_answer_bounds_to_a_second_and_its_way() -> None:
    answer = Dated(10 * SECOND_NS, 10 * SECOND_NS + 5 * MS, "Thu, 01 Jan 1970 00:00:10 GMT")
    assert answer.bounds == Bounds(-5 * MS, SECOND_NS)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Jan 1970 00:00:10 GMT"])
def test_a_date_that_is_none_tells_nothing(date: str) -> None:
    assert Dated(0, 1, date).bounds is None


def test_a_server_without_answers_has_no_sample() -> None:
    assert measure(lambda: None, lambda _: None) is None
