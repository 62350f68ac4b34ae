"""From verdict rows to a verdict: what was lost, to which causes, on what evidence, with which doubts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from zdtrace.analysis import words
from zdtrace.analysis.catalog import Query, library
from zdtrace.analysis.engine import Engine
from zdtrace.recording.store import Recording

if TYPE_CHECKING:
    import polars as pl

SCHEMA_VERSION = 1
"""Of the JSON that `zdtrace analyze -o json` writes; raised when a reader of it has to change."""
_DOUBTFUL = ("error", "data_loss")
_SEVERITIES = (*_DOUBTFUL, "warning", "info")


class Verdict(StrEnum):
    """The answer for a whole recording."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Requests:
    """How many requests there were; `near_misses` are those that a retry of the proxy healed."""

    total: int
    failed: int
    near_misses: int


@dataclass(frozen=True, slots=True)
class Cause:
    """What one cause cost. `tiers` and `triggers` count its failed requests, `exemplars` names some."""

    name: str
    title: str
    failed: int
    near_misses: int
    tiers: Mapping[str, int]
    triggers: Mapping[str, int]
    remedy: str
    prestop_helps: str | None
    exemplars: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """Something that makes the recording doubtful; `details` are the check's own columns."""

    name: str
    severity: str
    message: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source contributed."""

    source: str
    format: str
    rows: int
    clock: str
    used_for: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as Python has them, with the type in SQL of each column."""

    types: Mapping[str, str]
    rows: list[tuple[Any, ...]]

    def frame(self) -> pl.DataFrame:
        """Return them as a frame. What is documented counts: of no rows, or of nulls alone, no type could be told."""
        import polars as pl

        types = {
            "VARCHAR": pl.String, "BIGINT": pl.Int64, "INTEGER": pl.Int64, "DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean,
        }
        schema = {name: types.get(each) for name, each in self.types.items()}
        return pl.DataFrame(self.rows, schema=schema, orient="row", infer_schema_length=None)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The findings of one recording. `engine` has the rows behind them."""

    recording: str
    verdict: Verdict
    sentence: str
    requests: Requests
    causes: tuple[Cause, ...]
    checks: tuple[Check, ...]
    evidence: tuple[Evidence, ...]
    engine: Engine = field(repr=False, compare=False)

    def frame(self, query: str = "findings.per_request") -> pl.DataFrame:
        """Return the rows of a query of the library, by default one for each failed request."""
        return self.table(query).frame()

    def table(self, query: str) -> Rows:
        """Return the same rows without polars, which takes a while to begin."""
        self.engine.make(query)
        columns = library()[query].columns
        rows = self.engine.db.execute(f"select {', '.join(each.name for each in columns)} from {query}").fetchall()
        return Rows({each.name: each.type for each in columns}, rows)

    def as_json(self) -> dict[str, Any]:
        """Return the contract of `zdtrace analyze -o json`, see reports/schema/analysis-1.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "recording": self.recording,
            "verdict": str(self.verdict),
            "sentence": self.sentence,
            "requests": {
                "total": self.requests.total,
                "failed": self.requests.failed,
                "near_misses": self.requests.near_misses,
            },
            "causes": [
                {
                    "cause": each.name,
                    "title": each.title,
                    "failed": each.failed,
                    "near_misses": each.near_misses,
                    "tiers": dict(each.tiers),
                    "triggers": dict(each.triggers),
                    "remedy": each.remedy,
                    "prestop_helps": each.prestop_helps,
                    "exemplars": list(each.exemplars),
                }
                for each in self.causes
            ],
            "checks": [
                {"check": each.name, "severity": each.severity, "message": each.message, **each.details}
                for each in self.checks
            ],
            "evidence": [
                {
                    "source": each.source,
                    "format": each.format,
                    "rows": each.rows,
                    "clock": each.clock,
                    "used_for": each.used_for,
                }
                for each in self.evidence
            ],
        }


def diagnose(recording: Recording, settings: Mapping[str, str] | None = None) -> Diagnosis:
    """Judge a recording. `settings` overrule the `Params` of queries.

    Raises RecordingError when its files cannot be read, UsageError for a setting that no query has.
    """
    engine = Engine(recording, settings)
    checking = [query for query in library().values() if query.schema == "checks"]
    # Asked for at once, everything is made beside each other.
    answers = engine.ask_all(checking, "findings.totals", "findings.cause_totals")
    checks = _checks(zip(checking, answers, strict=True))
    totals = engine.rows("select request_count, failed_count, near_miss_count from findings.totals")[0]
    requests = Requests(totals["request_count"], totals["failed_count"], totals["near_miss_count"])
    causes = _causes(engine)
    doubts = [check for check in checks if check.severity in _DOUBTFUL]
    return Diagnosis(
        recording=recording.name,
        verdict=_verdict(requests, doubts),
        sentence=words.sentence(requests, causes, doubts),
        requests=requests,
        causes=causes,
        checks=checks,
        evidence=_evidence(recording),
        engine=engine,
    )


def _verdict(requests: Requests, doubts: list[Check]) -> Verdict:
    if requests.failed:
        return Verdict.FAIL
    # What is not seen may have failed: only a complete record of nothing is a pass.
    return Verdict.INCONCLUSIVE if doubts else Verdict.PASS


def _checks(answers: Iterable[tuple[Query, list[dict[str, Any]]]]) -> tuple[Check, ...]:
    """Return what the checks found; the worst comes first."""
    found = []
    for query, rows in answers:
        for row in rows:
            message = row.pop("message")
            found.append(Check(query.name, query.fields["Severity"], message, row))
    return tuple(sorted(found, key=lambda check: _SEVERITIES.index(check.severity)))


def _causes(engine: Engine) -> tuple[Cause, ...]:
    found = engine.rows(
        "select cause, failed_count, near_miss_count, tiers, triggers, exemplars from findings.cause_totals"
    )
    return tuple(
        Cause(
            name=row["cause"],
            title=words.title(row["cause"]),
            failed=row["failed_count"],
            near_misses=row["near_miss_count"],
            tiers=row["tiers"] or {},
            triggers=row["triggers"] or {},
            remedy=_remedy(engine, row["cause"]),
            prestop_helps=_field(row["cause"], "Prestop helps"),
            exemplars=tuple(row["exemplars"] or ()),
        )
        for row in found
    )


def _remedy(engine: Engine, cause: str) -> str:
    remedy = _field(cause, "Remedy")
    if remedy is not None:
        return remedy
    lines = engine.rows(
        "select count(proxy_ref) > 0 as has_lines from findings.verdicts where cause = ?", [cause]
    )
    wanted = words.evidence_wanted(tables_of(engine.recording), has_proxy_lines=lines[0]["has_lines"])
    return f"more evidence would help: {wanted}"


def tables_of(recording: Recording) -> set[str]:
    """Return the tables that have rows."""
    return {file.table for file in recording.manifest.files}


def _field(cause: str, name: str) -> str | None:
    query = library().get(f"causes.{cause}")
    return query.fields.get(name) if query else None


def _evidence(recording: Recording) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            source=source.name,
            format=source.format,
            rows=source.rows_kept,
            clock=source.clock,
            used_for="; ".join(words.SOURCE_USES.get(table, table) for table in source.rows_by_table) or "nothing",
        )
        for source in recording.manifest.sources
    )
