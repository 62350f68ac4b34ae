"""Clocks solved from bounds of their differences: the truth stays inside, and nothing is tighter than it must be."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from zdtrace.analysis.clocks import Constraint, Offset, Solution, solve

MS = 1_000_000
CLOCKS = ("recorder", "node", "proxy", "client")
KEPT = st.integers(-12, 12)
"""ms from the true time of a clock that keeps it."""


def offset(found: Solution, clock: str, other: str = "recorder") -> Offset:
    return next(each for each in found.offsets if (each.clock, each.other) == (clock, other))


def bounds_ms(found: Solution, clock: str, other: str = "recorder") -> tuple[int, int]:
    """Return what is used for a pair, in whole ms."""
    each = offset(found, clock, other)
    return each.lo_ns // MS, each.hi_ns // MS


def between(clock: str, other: str, lo_ms: int | None, hi_ms: int | None, trust: str = "certain") -> Constraint:
    lo_ns = None if lo_ms is None else lo_ms * MS
    hi_ns = None if hi_ms is None else hi_ms * MS
    return Constraint(clock, other, lo_ns, hi_ns, "told", trust)


def solved(*constraints: Constraint) -> Solution:
    return solve(constraints, CLOCKS, 25 * MS)


def test_without_evidence_each_clock_is_as_close_as_assumed() -> None:
    found = solved()
    assert [bounds_ms(found, name) for name in CLOCKS] == [(0, 0), (-25, 25), (-25, 25), (-25, 25)]
    assert bounds_ms(found, "client", "proxy") == (-25, 25)
    assert offset(found, "node").proven_lo_ns is None


def test_bounds_add_up_along_a_path() -> None:
    found = solved(between("proxy", "recorder", -2, 3), between("client", "proxy", 4, 5))
    assert bounds_ms(found, "client") == (2, 8)
    assert offset(found, "client").proven_hi_ns == 8 * MS
    assert found.freed == ()


def test_a_recorder_that_is_wrong_alone_is_freed_alone() -> None:
    """All that the cluster's clocks wrote is three seconds later than the recorder saw it."""
    found = solved(between("node", "recorder", 2_990, None), between("proxy", "recorder", 2_995, None))
    assert found.freed == ("recorder",)
    assert bounds_ms(found, "client", "node") == (-25, 25)


def test_a_clock_that_cannot_be_where_it_was_assumed_is_freed_alone() -> None:
    found = solved(between("proxy", "recorder", -10, 10), between("client", "proxy", -3_001, -2_999))
    assert found.freed == ("client",)
    assert bounds_ms(found, "client") == (-3_011, -2_989)
    assert bounds_ms(found, "proxy") == (-10, 10)


def test_of_two_clocks_that_are_apart_nobody_knows_which_is_wrong() -> None:
    found = solved(between("client", "proxy", 199, 201))
    assert found.freed == ("proxy", "client")
    assert bounds_ms(found, "client", "proxy") == (199, 201)
    # Either the client is 200 ms ahead and the proxy right, or the proxy behind and the client right.
    assert bounds_ms(found, "client") == (-25, 226)
    assert bounds_ms(found, "proxy") == (-226, 25)


def test_fewest_clocks_are_freed() -> None:
    """Client and proxy agree, and both are three seconds away from the others: those are right that are more."""
    apart = (
        between("node", "recorder", -5, 5), between("client", "proxy", -1, 1), between("proxy", "node", 2_900, 3_100),
    )
    more = between("apiserver", "recorder", -5, 5)
    assert solve([*apart, more], (*CLOCKS, "apiserver"), 25 * MS).freed == ("proxy", "client")
    # Of two against two, the reference is on the right side.
    assert solved(*apart).freed == ("proxy", "client")


def test_what_is_only_likely_frees_a_clock_and_does_not_move_it_for_sure() -> None:
    found = solved(between("proxy", "node", -900, -300, "likely"))
    assert set(found.freed) == {"node", "proxy"}
    # It may be wrong: then the clocks are where they were assumed.
    lo_ms, hi_ms = bounds_ms(found, "proxy")
    assert lo_ms <= -900
    assert hi_ms == 25
    assert offset(found, "proxy").proven_lo_ns is None


def test_a_hint_frees_and_bounds_nothing() -> None:
    found = solved(
        between("proxy", "node", None, -100, "hint"), between("node", "recorder", -1, 1),
        between("proxy", "recorder", -400, 300),
    )
    assert found.freed == ("proxy",)
    assert bounds_ms(found, "proxy") == (-400, 300)


def test_a_late_observation_bounds_only_a_clock_that_is_free() -> None:
    late = between("node", "recorder", None, -4_000, "fallback")
    assert bounds_ms(solved(late), "node") == (-25, 25)
    ahead = between("node", "recorder", 2_990, None), between("node", "recorder", None, 3_240, "fallback")
    assert bounds_ms(solved(*ahead), "node") == (2_990, 3_240)


def test_evidence_that_contradicts_itself_is_widened_until_it_does_not() -> None:
    found = solved(between("client", "recorder", 0, 0), between("client", "recorder", 150, 160))
    (contradiction,) = found.contradictions
    assert contradiction.clocks == ("client", "recorder")
    assert contradiction.size_ns == 150 * MS
    lo_ms, hi_ms = bounds_ms(found, "client")
    assert lo_ms <= 0
    assert hi_ms >= 150


def test_a_clock_of_which_only_one_side_is_known_is_an_hour_wide() -> None:
    assert bounds_ms(solved(between("client", "recorder", 60_000, None)), "client") == (60_000, 3_660_000)


OFFSETS = st.fixed_dictionaries({name: st.integers(-5_000, 5_000) for name in CLOCKS[1:]})
EVIDENCE = st.lists(st.tuples(
    st.sampled_from(list(permutations(CLOCKS, 2))), st.integers(0, 300), st.integers(0, 300), st.booleans(),
), max_size=8)


def told(offsets: dict[str, int], pieces: list[tuple[tuple[str, str], int, int, bool]]) -> list[Constraint]:
    """Return evidence that is true."""
    real = {"recorder": 0, **offsets}
    return [
        between(a, b, real[a] - real[b] - below, None if is_open else real[a] - real[b] + above)
        for (a, b), below, above, is_open in pieces
    ]


@given(OFFSETS, EVIDENCE)
def test_true_evidence_proves_nothing_false(
    offsets: dict[str, int], pieces: list[tuple[tuple[str, str], int, int, bool]]
) -> None:
    found = solve(told(offsets, pieces), CLOCKS, 25 * MS)
    real = {"recorder": 0, **offsets}
    assert found.contradictions == ()
    for each in found.offsets:
        if "time" in (each.clock, each.other):
            continue
        difference = (real[each.clock] - real[each.other]) * MS
        assert each.proven_lo_ns is None or each.proven_lo_ns <= difference
        assert each.proven_hi_ns is None or each.proven_hi_ns >= difference
        assert each.lo_ns <= each.hi_ns


@given(st.fixed_dictionaries(dict.fromkeys(CLOCKS, KEPT)), EVIDENCE)
def test_while_the_assumption_holds_the_truth_is_inside(
    real: dict[str, int], pieces: list[tuple[tuple[str, str], int, int, bool]]
) -> None:
    found = solve(told(real, pieces), CLOCKS, 25 * MS)
    real = {"time": 0, **real}
    assert found.freed == ()
    assert all(each.lo_ns <= (real[each.clock] - real[each.other]) * MS <= each.hi_ns for each in found.offsets)


@given(OFFSETS, EVIDENCE, st.randoms())
def test_the_order_of_evidence_says_nothing(
    offsets: dict[str, int], pieces: list[tuple[tuple[str, str], int, int, bool]], chance: object
) -> None:
    evidence = told(offsets, pieces)
    mixed = list(evidence)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert solve(mixed, CLOCKS, 25 * MS) == solve(evidence, CLOCKS, 25 * MS)
