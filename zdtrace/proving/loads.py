"""How long a load command runs, as far as its own words tell."""

from __future__ import annotations

from collections.abc import Sequence

from zdtrace.collectors.load import tool_of, value_of
from zdtrace.spans import seconds_of

_OPTIONS = {
    "fortio": ("-t", "--t"), "k6": ("--duration", "-d"), "vegeta": ("-duration", "--duration"), "hey": ("-z",),
    "oha": ("-z",), "locust": ("--run-time", "-t"), "zdtrace": ("--for",), "wrk": ("-d", "--duration"),
}


def duration_s(command: Sequence[str]) -> float | None:
    """Return how long a load command says that it runs, null when it does not say, or that it runs for ever."""
    said = value_of(list(command), *_OPTIONS.get(tool_of(command), ("--duration",)))
    return (seconds_of(said) or None) if said is not None else None
