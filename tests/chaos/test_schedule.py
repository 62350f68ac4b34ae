"""When a periodic experiment runs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from fake_cluster import same_chance

from zdtrace.chaos.schedule import Schedule, next_moment, parse_schedule
from zdtrace.errors import UsageError

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def test_runs_keep_their_distance_whatever_the_jitter_and_how_long_they_take() -> None:
    schedule = Schedule(every_s=3600, jitter_s=600)
    moments = list(itertools.islice(schedule.moments(NOON, same_chance()), 50))
    late_s = [(each - NOON).total_seconds() - number * 3600 for number, each in enumerate(moments)]
    assert all(0 <= each <= 600 for each in late_s)
    assert len(set(late_s)) == 50


def test_moments_that_a_long_run_has_missed_are_left_out() -> None:
    moments = Schedule(every_s=60).moments(NOON, same_chance())
    assert next_moment(moments, NOON) == NOON
    assert next_moment(moments, NOON + timedelta(seconds=150)) == NOON + timedelta(seconds=180)


def test_none_begins_after_the_end() -> None:
    schedule = parse_schedule("6h", None, "1d", NOON)
    assert schedule is not None
    assert [each.hour for each in schedule.moments(NOON, same_chance())] == [12, 18, 0, 6, 12]
    later = parse_schedule("6h", "10m", "2026-11-26T20:00+01:00", NOON)
    assert later is not None
    assert later.until == datetime(2026, 11, 26, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize(("every", "jitter", "until"), [
    (None, "10m", None), (None, None, "7d"), ("0s", None, None), ("10m", "10m", None), ("6", "x", None),
    ("6h", None, "someday"),
])
def test_a_schedule_that_makes_no_sense_is_refused(every: str | None, jitter: str | None, until: str | None) -> None:
    with pytest.raises(UsageError):
        parse_schedule(every, jitter, until, NOON)


def test_without_a_distance_there_is_no_schedule() -> None:
    assert parse_schedule(None, None, None, NOON) is None
