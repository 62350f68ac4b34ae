"""The little statistics that a comparison needs: intervals of shares, exact tests, resampling by rollout."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
_Z = 1.959963984540054
_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds, at 95 % confidence."""

    value: float
    lo: float
    hi: float

    def as_json(self) -> dict[str, float]:
        """Return the three numbers."""
        return {"value": self.value, "lo": self.lo, "hi": self.hi}


def share(count: int, total: int) -> Interval:
    """Return a share with Wilson's score interval; nothing is known of a share of nothing: 0 to 1."""
    if not total:
        return Interval(0.0, 0.0, 1.0)
    ratio = count / total
    middle = ratio + _Z**2 / (2 * total)
    spread = _Z * math.sqrt(ratio * (1 - ratio) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    # Where the bound is exact, rounding must not move it.
    lo = 0.0 if count == 0 else (middle - spread) / scale
    hi = 1.0 if count == total else (middle + spread) / scale
    return Interval(ratio, lo, hi)


def difference(before: Interval, after: Interval) -> Interval:
    """Return `after` minus `before`, with Newcombe's bounds from the two score intervals."""
    value = after.value - before.value
    down = math.hypot(after.value - after.lo, before.hi - before.value)
    up = math.hypot(after.hi - after.value, before.value - before.lo)
    return Interval(value, value - down, value + up)


def fisher(count: int, total: int, other_count: int, other_total: int) -> float:
    """Return the two-sided p-value of Fisher's exact test: how likely so uneven a table is by chance alone."""
    hits, everything = count + other_count, total + other_total
    lowest, highest = max(0, hits - other_total), min(hits, total)

    def log_chance(drawn: int) -> float:
        return _log_choices(hits, drawn) + _log_choices(everything - hits, total - drawn)

    limit = log_chance(count) + 1e-7
    mode = min(max((hits + 1) * (total + 1) // (everything + 2), lowest), highest)
    # The chances fall from the mode to both ends: each tail begins where they are no more than what was seen.
    left = _first(mode, lowest, -1, lambda drawn: log_chance(drawn) <= limit)
    right = _first(mode + 1, highest, 1, lambda drawn: log_chance(drawn) <= limit)
    whole = _log_choices(everything, total)
    tails = _tail(left, lowest, -1, log_chance, whole) + _tail(right, highest, 1, log_chance, whole)
    return min(1.0, tails)


def _log_choices(total: int, drawn: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(drawn + 1) - math.lgamma(total - drawn + 1)


def _first(start: int, end: int, step: int, holds: Callable[[int], bool]) -> int | None:
    """Return the first number from `start` to `end` for which a condition holds that stays true once it is."""
    count = (end - start) * step + 1
    if count < 1 or not holds(end):
        return None
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if holds(start + step * middle):
            high = middle
        else:
            low = middle + 1
    return start + step * low


def _tail(start: int | None, end: int, step: int, log_chance: Callable[[int], float], whole: float) -> float:
    if start is None:
        return 0.0
    found = 0.0
    for drawn in range(start, end + step, step):
        chance = math.exp(log_chance(drawn) - whole)
        found += chance
        if chance < found * 1e-17:
            break
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values of several tests, adjusted so that all of them together hold (Holm)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [1.0] * len(p_values)
    floor = 0.0
    for place, index in enumerate(order):
        floor = max(floor, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = floor
    return adjusted


Counts = Sequence[tuple[int, int]]


def difference_by_block(before: Counts, after: Counts) -> Interval | None:
    """Return the difference of shares, `after` minus `before`, with bounds from resampling whole rollouts.

    A rollout is (failed, sent). Requests of one rollout fail together, so only rollouts may be drawn anew;
    with fewer than three on either side there is nothing to draw from: None.
    """
    if min(len(before), len(after)) < 3:
        return None
    draw = random.Random(20_000)  # noqa: S311 - the same answer each time, no secret

    def resampled(blocks: Counts) -> float:
        return _pooled(draw.choices(blocks, k=len(blocks)))

    found = sorted(resampled(after) - resampled(before) for _ in range(_RESAMPLES))
    edge = round(_RESAMPLES * (1 - CONFIDENCE) / 2)
    return Interval(_pooled(after) - _pooled(before), found[edge], found[-1 - edge])


def _pooled(blocks: Counts) -> float:
    sent = sum(total for _, total in blocks)
    return sum(failed for failed, _ in blocks) / sent if sent else 0.0


def most_lossy(clean: int) -> float:
    """Return the largest share of rollouts that may lose requests, at 95 %, when `clean` of `clean` lost none."""
    return 1.0 - (1 - CONFIDENCE) ** (1 / clean) if clean else 1.0


def clean_wanted(lossy_share: float) -> int:
    """Return how many rollouts without loss support that at most this share loses requests, at 95 %."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - lossy_share))
