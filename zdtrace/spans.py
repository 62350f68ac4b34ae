"""Spans of time as people write them: `90s`, `1h30m`, `250ms`, `7d`, or a plain number of seconds."""

from __future__ import annotations

import re

from zdtrace.errors import UsageError

_NUMBER = r"(\d+(?:\.\d+)?)"
_SPAN = re.compile(
    rf"(?=\d)(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m(?!s))?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?", re.ASCII
)
_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_MOST_S = 100 * 366 * 86_400.0
"""No wait is so long, and the system's clocks take no longer one."""


def seconds_of(value: object) -> float | None:
    """Return a span in seconds; null when it is none: units out of order, negative, endless, or no span at all."""
    if isinstance(value, str):
        value = _seconds_in(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= _MOST_S else None


def span_s(text: str, option: str) -> float:
    """Read the value of an option. Raises UsageError."""
    found = seconds_of(text)
    if found is None:
        raise UsageError(f"`{option} {text}` is no time", hint="write it as 90s, 5m or 1h30m")
    return found


def _seconds_in(text: str) -> float | None:
    if re.fullmatch(_NUMBER, text, re.ASCII):
        return float(text)
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    return sum(float(number) * unit for number, unit in zip(found.groups(default="0"), _SECONDS, strict=True))
