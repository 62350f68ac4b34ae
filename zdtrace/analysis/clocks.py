"""How far apart the clocks of a recording are: what it holds about pairs of them, solved together.

Each piece of evidence bounds the difference of two clocks. Such bounds are a Simple Temporal Problem (Dechter, Meiri,
Pearl 1991): the shortest paths between clocks are the tightest bounds that follow from all of them, and a circle of
negative length is a contradiction. SQL makes the evidence from rows (`queries/clocks/`); a handful of clocks is solved
here.

Where no evidence is, clocks are assumed to be within some milliseconds of each other, as time services keep them: each
within half of that of the true time, a clock that nobody reads. An assumption that contradicts evidence is dropped: as
few as must be, and of several that may be wrong, any; what each way leaves possible counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zdtrace.analysis.engine import Engine

TIME = "time"
"""The clock that nobody reads: to it all others are compared when they are assumed to keep time."""
RECORDER = "recorder"
ALWAYS = (RECORDER, "apiserver", "controllers", "node", "proxy", "client")
"""Clocks that every analysis asks for, whether the recording has something of them or not."""
LOST_NS = 3_600_000_000_000
"""A clock of which nothing is known but that the assumption is wrong: an hour, as far as a wrong zone moves it."""
EVIDENCE = ("samples", "observations", "causality", "ids", "failures_in_order", "answers")
"""Queries of evidence."""
CERTAIN, LIKELY, HINT, FALLBACK = "certain", "likely", "hint", "fallback"
_MANY = 6
_FAR = 10**30


@dataclass(frozen=True, slots=True)
class Constraint:
    """`clock` minus `other` lies between the two bounds, ns; None is no bound.

    `trust`: certain; likely, which frees a clock of its assumption and then bounds it; hint, which only frees it;
    fallback, which only bounds a clock that is free.
    """

    clock: str
    other: str
    lo_ns: int | None
    hi_ns: int | None
    method: str
    trust: str = CERTAIN


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Evidence about these clocks that cannot all be true, by how much, and where the evidence came from."""

    clocks: tuple[str, ...]
    size_ns: int
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offset:
    """`clock` minus `other`: what is used, and what the evidence alone proves (None: nothing on that side)."""

    clock: str
    other: str
    lo_ns: int
    hi_ns: int
    proven_lo_ns: int | None
    proven_hi_ns: int | None


@dataclass(frozen=True, slots=True)
class Solution:
    """Each ordered pair of clocks, `time` among them; `freed` are those that surely or maybe do not keep it."""

    offsets: tuple[Offset, ...]
    freed: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of `clocks.solution` or `clocks.contradictions`, in the order of their columns."""
        if query == "contradictions":
            return [(list(each.clocks), each.size_ns, list(each.methods)) for each in self.contradictions]
        return [
            (
                each.clock, each.other, each.lo_ns, each.hi_ns, each.proven_lo_ns, each.proven_hi_ns,
                each.clock in self.freed,
            )
            for each in self.offsets
        ]


class Network:
    """Upper bounds of differences between clocks, kept closed under shortest paths."""

    def __init__(self, clocks: Sequence[str]) -> None:
        self.clocks = tuple(clocks)
        self._bounds = {(a, b): 0 if a == b else _FAR for a in clocks for b in clocks}

    def copy(self) -> Network:
        """Return another of the same bounds."""
        other = Network(())
        other.clocks, other._bounds = self.clocks, dict(self._bounds)
        return other

    def upper(self, a: str, b: str) -> int | None:
        """Return the tightest upper bound of `a` minus `b`; None when there is none."""
        found = self._bounds[a, b]
        return None if found >= _FAR // 2 else found

    def lower(self, a: str, b: str) -> int | None:
        """Return the tightest lower bound of `a` minus `b`; None when there is none."""
        found = self.upper(b, a)
        return None if found is None else -found

    def excess(self, a: str, b: str, bound: int) -> int:
        """Return by how much `a - b <= bound` contradicts what is known; not above 0 when it does not."""
        return -(self._bounds[b, a] + bound)

    def add(self, a: str, b: str, bound: int) -> bool:
        """Demand `a - b <= bound`; returns False, and changes nothing, when that contradicts what is known."""
        if self.excess(a, b, bound) > 0:
            return False
        if bound < self._bounds[a, b]:
            for x in self.clocks:
                for y in self.clocks:
                    through = self._bounds[x, a] + bound + self._bounds[b, y]
                    self._bounds[x, y] = min(self._bounds[x, y], through)
        return True

    def add_all(self, constraints: Iterable[Constraint]) -> bool:
        """Demand all; returns whether none contradicted the others. Those that do are left out."""
        every = [edge for each in constraints for edge in _edges(each)]
        left_out = sum(not self.add(edge.a, edge.b, edge.bound) for edge in every)
        return left_out == 0


def solve(constraints: Sequence[Constraint], clocks: Sequence[str], bound_ns: int) -> Solution:
    """Return what is possible for each pair of clocks, if any two are within `bound_ns`, unless that is refuted.

    The order of `constraints` says nothing.
    """
    every = (TIME, *clocks)
    ordered = sorted(constraints, key=lambda each: (each.clock, each.other, each.method, str(each)))
    known, contradictions = _consistent([each for each in ordered if each.trust == CERTAIN], every)
    assumptions = {each: Constraint(each, TIME, -(bound_ns // 2), bound_ns // 2, "assumed") for each in clocks}
    doubtful = {name for each in contradictions for name in each.clocks}
    refuting = known.copy()
    # What contradicts certain evidence is left out.
    refuting.add_all(each for trust in (LIKELY, HINT) for each in ordered if each.trust == trust)
    keeping = {name: each for name, each in assumptions.items() if name not in doubtful}
    worlds = [{name: keeping[name] for name in kept} for kept in _worlds(refuting, keeping)]
    networks = []
    for kept in worlds:
        network = known.copy()
        network.add_all(kept.values())
        network.add_all(each for trust in (LIKELY, FALLBACK) for each in ordered if each.trust == trust)
        networks.append(network)
    # Softer evidence alone moves no clock: it may be wrong, and the assumption right.
    untouched = known.copy()
    if untouched.add_all(assumptions.values()) and not doubtful:
        networks.append(untouched)
    freed = tuple(name for name in clocks if any(name not in kept for kept in worlds))
    pairs = [(a, b) for a in every for b in every]
    used = {pair: [_interval(each, *pair) for each in networks] for pair in pairs}
    offsets = tuple(
        Offset(
            a, b, min(lo for lo, _ in used[a, b]), max(hi for _, hi in used[a, b]), known.lower(a, b), known.upper(a, b)
        )
        for a, b in pairs
    )
    return Solution(offsets, freed, contradictions)


def _interval(network: Network, a: str, b: str) -> tuple[int, int]:
    """Return the bounds of `a` minus `b`; a side without a bound is an hour away from the other."""
    lo, hi = network.lower(a, b), network.upper(a, b)
    if lo is not None and hi is not None:
        return lo, hi
    if lo is not None:
        return lo, lo + LOST_NS
    return (-LOST_NS, LOST_NS) if hi is None else (hi - LOST_NS, hi)


def _worlds(refuting: Network, assumptions: Mapping[str, Constraint]) -> Iterator[tuple[str, ...]]:
    """Yield the assumptions that may be true together: all but as few as must go, in each way that does it.

    The recorder's goes only where that saves two others.
    """
    possible = [name for name, each in assumptions.items() if refuting.copy().add_all([each])]
    sizes = range(min(len(possible), _MANY) + 1)
    ways = sorted((dropped for size in sizes for dropped in combinations(possible, size)), key=_cost)
    cheapest = None
    for dropped in ways:
        if cheapest is not None and _cost(dropped) > cheapest:
            return
        kept = tuple(name for name in possible if name not in dropped)
        if _fits(refuting, assumptions, kept):
            cheapest = _cost(dropped)
            yield kept
    if cheapest is None:
        yield ()


def _cost(dropped: tuple[str, ...]) -> float:
    return len(dropped) + (RECORDER in dropped) / 2


def _fits(refuting: Network, assumptions: Mapping[str, Constraint], kept: Iterable[str]) -> bool:
    return refuting.copy().add_all(assumptions[name] for name in kept)


@dataclass(slots=True)
class _Edge:
    """`a` minus `b` is at most `bound`."""

    a: str
    b: str
    bound: int
    method: str


def _edges(constraint: Constraint) -> Iterator[_Edge]:
    if constraint.hi_ns is not None:
        yield _Edge(constraint.clock, constraint.other, constraint.hi_ns, constraint.method)
    if constraint.lo_ns is not None:
        yield _Edge(constraint.other, constraint.clock, -constraint.lo_ns, constraint.method)


def _consistent(constraints: Iterable[Constraint], clocks: Sequence[str]) -> tuple[Network, tuple[Contradiction, ...]]:
    """Return the network of the constraints; of a contradiction every part is widened until it is none.

    One of its parts is wrong by that much, and nothing says which.
    """
    edges = [edge for each in constraints for edge in _edges(each)]
    found = []
    while circle := _negative_circle(edges, clocks):
        size = -sum(edge.bound for edge in circle)
        names = tuple(sorted({edge.a for edge in circle}))
        found.append(Contradiction(names, size, tuple(sorted({edge.method for edge in circle}))))
        for edge in circle:
            edge.bound += size
    network = Network(clocks)
    for edge in edges:
        network.add(edge.a, edge.b, edge.bound)
    return network, tuple(found)


def _negative_circle(edges: Sequence[_Edge], clocks: Sequence[str]) -> list[_Edge]:
    """Return constraints that contradict each other, none when there are none (Bellman, Ford)."""
    distance = dict.fromkeys(clocks, 0)
    came_by: dict[str, _Edge] = {}
    last = None
    for _ in clocks:
        last = None
        for edge in edges:
            if distance[edge.b] + edge.bound < distance[edge.a]:
                distance[edge.a] = distance[edge.b] + edge.bound
                came_by[edge.a] = edge
                last = edge.a
    if last is None:
        return []
    for _ in clocks:
        last = came_by[last].b
    circle = [came_by[last]]
    while circle[-1].b != last:
        circle.append(came_by[circle[-1].b])
    return circle


def solve_recording(engine: Engine) -> Solution:
    """Gather the evidence of a recording and solve it."""
    queries = [f"clocks.{name}" for name in EVIDENCE]
    engine.make(*queries)
    constraints = [each for query in queries for each in _constraints(engine.rows(f"from {query}"))]
    named = {row["clock"] for row in engine.rows("select distinct clock from recording.sources")}
    named |= {name for each in constraints for name in (each.clock, each.other)}
    (bound,) = engine.rows("select 1000000 * getvariable('clock_bound_ms') as bound_ns")
    return solve(constraints, (*ALWAYS, *sorted(named - set(ALWAYS))), bound["bound_ns"])


def _constraints(rows: Iterable[Mapping[str, Any]]) -> Iterator[Constraint]:
    for row in rows:
        pair = row["clock"], row["other"]
        if pair[0] == pair[1]:
            continue
        yield Constraint(*pair, row["lo_ns"], row["hi_ns"], row["method"], row.get("trust", CERTAIN))
        if row.get("likely_hi_ns") is not None:
            yield Constraint(*pair, None, row["likely_hi_ns"], row["method"], FALLBACK)
