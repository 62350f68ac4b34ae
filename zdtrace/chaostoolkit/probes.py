"""Probes of Chaos Toolkit: what was lost, for a steady state or a tolerance.

Without a recording's name they ask the one around the experiment (the control's) and end it; before the method has
begun nothing could be lost, and they say so.
"""

from __future__ import annotations

from zdtrace.chaostoolkit import recording as recordings


def failed_requests(recording: str | None = None, cause: str | None = None) -> int:
    """Return how many requests failed, all or those of one cause."""
    found = recordings.judged(recording)
    if found is None:
        return 0
    if cause is not None:
        return sum(each.failed for each in found.causes if each.name == cause)
    return found.requests.failed


def failed_ratio(recording: str | None = None) -> float:
    """Return the share of requests that failed, 0 to 1."""
    found = recordings.judged(recording)
    return found.requests.failed / found.requests.total if found is not None and found.requests.total else 0.0


def verdict(recording: str | None = None) -> str:
    """Return pass, fail or inconclusive."""
    found = recordings.judged(recording)
    return "pass" if found is None else str(found.verdict)
