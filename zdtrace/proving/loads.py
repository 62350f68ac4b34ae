"""How long a load command runs, as far as its own words tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from zdtrace.collectors.load import value_of

_OPTIONS = {
    "fortio": ("-t", "--t"), "k6": ("--duration", "-d"), "vegeta": ("-duration", "--duration"), "hey": ("-z",),
    "oha": ("-z",), "locust": ("--run-time", "-t"), "zdtrace": ("--for",), "wrk": ("-d", "--duration"),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def duration_s(command: Sequence[str]) -> float | None:
    """Return how long a load command says that it runs, null when it does not say."""
    tool = PurePath(command[0]).name.lower().removesuffix(".exe").removeprefix("kubectl-") if command else ""
    said = value_of(list(command), *_OPTIONS.get(tool, ("--duration",)))
    return None if said is None else seconds_of(said)


def seconds_of(text: str) -> float | None:
    """Read `1m30s`, `90s`, `500ms` or a plain number of seconds; null when it is none, or not above zero."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        found = float(text)
    elif re.fullmatch(f"(?:{_PART.pattern})+", text):
        found = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    else:
        return None
    return found or None
