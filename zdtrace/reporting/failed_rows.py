"""The failed requests of a page: as rows for those who read, as columns for its script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from zdtrace.analysis.findings import Findings
from zdtrace.analysis.words import clock_time, counted
from zdtrace.printable import printable
from zdtrace.reporting.language import Language

MOST = 100_000
"""How many failed requests a page holds at most; the pictures and counts hold all."""
STILL = 5_000
"""How many of them are there without JavaScript."""
COLUMNS = ("request", "started", "latency", "status", "cause", "tier", "pod", "since_signal", "evidence")
_NUMBERS = ("started", "latency", "since_signal")
_LONGEST = 300
_TEXTS = (
    "source", "status", "cause", "tier", "pod_name", "symptom", "error", "method", "url", "runner_up", "pod_trigger",
)
_QUERY = "findings.failed_requests"


def table(findings: Findings, words: Language) -> dict[str, Any]:
    """Return the columns and rows of the still table, and what its filters offer."""
    rows, total = _rows(findings), findings.diagnosis.requests.failed
    shown = rows[:STILL]
    return {
        "columns": [
            {"name": name, "title": words(f"requests.{name}"), "is_number": name in _NUMBERS} for name in COLUMNS
        ],
        "rows": [_cells(row, words) for row in shown],
        "tiers": sorted({row["tier"] for row in rows}),
        "pods": sorted({_text(row["pod_name"]) for row in rows if row["pod_name"]}),
        "cut": " ".join(_cut(len(shown), len(rows), total, words)),
    }


def _cut(shown: int, held: int, total: int, words: Language) -> Iterator[str]:
    if held < total:
        command = "zdtrace analyze REC --per-request FILE.csv"
        yield words("requests.cut", shown=counted(held), all=counted(total), command=command)
    if shown < held:
        yield words("requests.still", shown=counted(shown))


def columns(findings: Findings) -> dict[str, Any]:
    """Return each column of the rows for the script; texts as places in a list of the different ones."""
    rows = _rows(findings)
    zero = findings.window["run_from_ns"] if findings.window else 0
    found: dict[str, Any] = {name: _coded([_text(row[name]) for row in rows]) for name in _TEXTS}
    for name in ("proxy_ref", "evidence_ref"):
        parts = [(row[name] or ":").rpartition(":") for row in rows]
        sources = _coded([_text(each[0] or None) for each in parts])
        found[name] = {"source": sources, "line": [each[2] for each in parts]}
    return {
        **found,
        "line": [row["line"] for row in rows],
        "started_us": [(row["started_ns"] - zero) // 1000 for row in rows],
        "latency_ms": [round(row["latency_ms"], 3) for row in rows],
        "since_signal_ms": [_rounded(row["since_signal_ms"]) for row in rows],
        "weight": [round(row["weight"], 3) for row in rows],
        "attempt_count": [row["attempt_count"] for row in rows],
    }


def _rows(findings: Findings) -> list[dict[str, Any]]:
    findings.diagnosis.engine.make(_QUERY)
    return findings.diagnosis.engine.rows(f"from {_QUERY} limit {MOST}")


def _coded(values: Sequence[str | None]) -> dict[str, Any]:
    names = list(dict.fromkeys(value for value in values if value is not None))
    places = {name: place for place, name in enumerate(names)}
    return {"names": names, "codes": [-1 if value is None else places[value] for value in values]}


def _cells(row: dict[str, Any], words: Language) -> tuple[str, ...]:
    return (
        f"{_text(row['source'])}:{row['line']}",
        clock_time(row["started_ns"]),
        f"{row['latency_ms']:.3f}",
        str(row["status"]) if row["status"] is not None else words("requests.none"),
        words.cause(row["cause"]),
        row["tier"],
        _text(row["pod_name"]) or "",
        f"{row['since_signal_ms']:.0f}" if row["since_signal_ms"] is not None else "",
        _text(row["evidence_ref"]) or "",
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    shown = printable(str(value))
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
