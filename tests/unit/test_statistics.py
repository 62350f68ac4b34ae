"""Known answers: from exact fractions, from tables in textbooks, and from what must hold for any numbers."""

from __future__ import annotations

from fractions import Fraction
from math import comb, log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdtrace.analysis.statistics import (
    clean_wanted,
    difference,
    difference_by_block,
    fisher,
    holm,
    most_lossy,
    share,
)


def exact_fisher(count: int, total: int, other_count: int, other_total: int) -> float:
    """Return the p-value by counting every table, in whole numbers."""
    hits = count + other_count
    ways = {
        drawn: comb(total, drawn) * comb(other_total, hits - drawn)
        for drawn in range(max(0, hits - other_total), min(hits, total) + 1)
    }
    return float(Fraction(sum(way for way in ways.values() if way <= ways[count]), comb(total + other_total, hits)))


def test_the_lady_tasting_tea_guesses_three_of_four_by_chance_in_34_of_70_tables() -> None:
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70)


@given(st.data(), st.integers(1, 60), st.integers(1, 60))
def test_fishers_test_counts_every_table(data: st.DataObject, total: int, other_total: int) -> None:
    count, other = data.draw(st.integers(0, total)), data.draw(st.integers(0, other_total))
    assert fisher(count, total, other, other_total) == pytest.approx(exact_fisher(count, total, other, other_total))


def test_67_of_10_000_against_none_is_no_chance() -> None:
    # By chance all 67 fall on one side: 2 / 2^67, and a little less because none is drawn twice.
    assert log10(fisher(67, 10_000, 0, 10_000)) == pytest.approx(log10(2) - 67 * log10(2), abs=0.2)
    assert fisher(1, 10_000, 0, 10_000) == pytest.approx(1.0)


def test_a_hundred_million_requests_are_no_more_work() -> None:
    assert fisher(1_000_000, 100_000_000, 1_000_000, 100_000_000) == pytest.approx(1.0)
    assert fisher(1_010_000, 100_000_000, 1_000_000, 100_000_000) < 1e-9


def test_wilsons_interval_is_the_one_of_the_textbook() -> None:
    # Agresti and Coull (1998): none of 10 gives 0 to 0.278; 5 of 10 gives 0.237 to 0.763.
    none, half = share(0, 10), share(5, 10)
    assert (none.lo, round(none.hi, 3)) == (0.0, 0.278)
    assert (round(half.lo, 3), round(half.hi, 3)) == (0.237, 0.763)
    assert (share(0, 0).lo, share(0, 0).hi) == (0.0, 1.0)


def test_newcombes_interval_is_the_one_of_his_paper() -> None:
    # Newcombe (1998), table II, method 10: 56/70 - 48/80 = 0.2, 0.0524 to 0.3339.
    found = difference(share(48, 80), share(56, 70))
    assert (round(found.value, 4), round(found.lo, 4), round(found.hi, 4)) == (0.2, 0.0524, 0.3339)


def test_several_tests_at_once_have_to_be_surer() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_rollouts_that_fail_together_widen_the_interval() -> None:
    # 60 of 3 000 on each side, but in the first case each rollout lost 20, in the second one lost all 60.
    even, uneven, none = [(20, 1_000)] * 3, [(60, 1_000), (0, 1_000), (0, 1_000)], [(0, 1_000)] * 3
    steady, bursty = difference_by_block(even, none), difference_by_block(uneven, none)
    assert steady is not None
    assert bursty is not None
    assert steady.value == bursty.value == pytest.approx(-0.02)
    assert [steady.lo, steady.hi] == pytest.approx([-0.02, -0.02])
    assert bursty.lo < -0.02 < bursty.hi == 0.0


def test_two_rollouts_are_too_few_to_draw_from() -> None:
    assert difference_by_block([(1, 10)] * 2, [(0, 10)] * 9) is None


def test_one_clean_rollout_supports_little_and_29_support_nine_in_ten() -> None:
    assert most_lossy(0) == 1.0
    assert most_lossy(1) == pytest.approx(0.95)
    assert clean_wanted(0.1) == 29
    assert most_lossy(29) <= 0.1 < most_lossy(28)
