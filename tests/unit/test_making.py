"""Queries are made beside each other, and still each after what it stands on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from zdtrace.analysis.catalog import EVERY_CAUSE, Query, needed_for, stands_on
from zdtrace.analysis.making import make_all

NEEDED = list(needed_for("findings.cause_totals"))


@dataclass
class Hands:
    """Makes tables beside each other and the rest at once, as it is told."""

    create: Callable[[Query], None]
    create_beside: Callable[[Query], None]

    def takes_time(self, query: Query) -> bool:
        return query.is_table


def test_each_query_is_made_once_and_after_what_it_stands_on() -> None:
    made: set[str] = set()
    begun: list[str] = []

    def create(query: Query) -> None:
        assert stands_on(query) <= made
        begun.append(query.full_name)

    make_all(NEEDED, made, Hands(create, create))
    assert sorted(begun) == sorted(query.full_name for query in NEEDED)
    assert made == set(begun)


def test_two_tables_are_under_way_at_a_time() -> None:
    both = threading.Barrier(2, timeout=30)
    tables = [query for query in NEEDED if query.full_name in ("staging.pod_versions", "staging.services")]
    made = {name for table in tables for name in stands_on(table)}
    assert not made & {table.full_name for table in tables}

    def create_beside(query: Query) -> None:
        both.wait()

    make_all(tables, made, Hands(create_beside, create_beside))
    assert both.n_waiting == 0
    assert not both.broken


def test_what_a_query_makes_on_its_own_is_not_made_again() -> None:
    made: set[str] = set()
    begun: list[str] = []

    def create(query: Query) -> None:
        if query.is_solved:
            evidence = list(needed_for("clocks.stamps"))
            make_all([each for each in evidence if each.full_name not in made], made, hands)

    def beside(query: Query) -> None:
        begun.append(query.full_name)

    hands = Hands(create, beside)
    make_all(list(needed_for("findings.cause_totals", "clocks.stamps")), made, hands)
    assert begun.count("clocks.stamps") == 1
    assert len(begun) == len(set(begun))


def test_an_error_in_one_table_is_raised_and_nothing_that_stands_on_it_is_made() -> None:
    made: set[str] = set()

    def create_beside(query: Query) -> None:
        if query.full_name == "timeline.failures":
            raise ValueError("no such column")

    with pytest.raises(ValueError, match="no such column"):
        make_all(NEEDED, made, Hands(lambda query: None, create_beside))
    assert "findings.verdicts" not in made


def test_a_cause_is_made_as_a_view_only_when_it_is_asked_for() -> None:
    names = [query.full_name for query in NEEDED]
    assert EVERY_CAUSE in names
    assert not [name for name in names if name.startswith("causes.") and name != EVERY_CAUSE]
    assert "causes.endpoint_lag_refused" in [query.full_name for query in needed_for("causes.endpoint_lag_refused")]
