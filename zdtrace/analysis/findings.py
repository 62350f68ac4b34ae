"""Everything that a report shows of one recording, in one object: HTML, Markdown and JSON only render it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zdtrace.analysis import statistics
from zdtrace.analysis.comparison import Comparison, compare
from zdtrace.analysis.diagnosis import Diagnosis, diagnose
from zdtrace.analysis.recommendation import Recommendation, recommend_from
from zdtrace.analysis.statistics import Interval
from zdtrace.analysis.story import Story, tell_some
from zdtrace.errors import UsageError
from zdtrace.recording.manifest import Source
from zdtrace.recording.store import Recording
from zdtrace.version import __version__

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of one recording. Rows are those of the queries called so; `window` is null without requests.

    `recommendation` is of the workload that lost most, null when no pod was recorded.
    """

    diagnosis: Diagnosis
    ratio: Interval
    window: Row | None
    outages: tuple[Row, ...]
    impact: tuple[Row, ...]
    latencies: tuple[Row, ...]
    config: tuple[Row, ...]
    stories: tuple[Story, ...]
    sources: tuple[Source, ...]
    settings: Mapping[str, str]
    comparison: Comparison | None
    recommendation: Recommendation | None

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query of the library, in its order."""
        self.diagnosis.engine.make(query)
        return self.diagnosis.engine.rows(f"from {query}")

    @property
    def most_lossy(self) -> float | None:
        """The largest share of requests that may fail, at 95 %, when none of those sent did; null when some did."""
        requests = self.diagnosis.requests
        return statistics.most_lossy(requests.total) if requests.total and not requests.failed else None

    def as_json(self) -> dict[str, Any]:
        """Return what `zdtrace report -o FILE.json` writes: the JSON of `analyze`, and the rest of the report."""
        return {
            **self.diagnosis.as_json(),
            "failed_ratio": self.ratio.as_json(),
            "window": dict(self.window) if self.window else None,
            "outages": [dict(row) for row in self.outages],
            "impact": [dict(row) for row in self.impact],
            "latencies": [dict(row) for row in self.latencies],
            "config": [dict(row) for row in self.config],
            "stories": [story.as_json() for story in self.stories],
            "comparison": self.comparison.as_json() if self.comparison else None,
            "recommendation": self.recommendation.as_json() if self.recommendation else None,
            "reproduce": {
                "tool_version": __version__,
                "settings": dict(self.settings),
                "sources": [
                    {
                        "source": each.name, "format": each.format, "clock": each.clock,
                        "content_sha256": each.content_sha256, "rows_in": each.rows_in,
                        "rows_kept": each.rows_kept, "rejects": each.rejects,
                    }
                    for each in self.sources
                ],
            },
        }


def find(
    recording: Recording, settings: Mapping[str, str] | None = None, *, baseline: Recording | None = None,
    when_judged: Callable[[Diagnosis], None] | None = None,
) -> Findings:
    """Judge a recording and gather what a report shows of it; `baseline` is the run that it is compared with.

    `when_judged` gets the verdict as soon as there is one, so that pictures can be begun. Raises as `diagnose` does.
    """
    diagnosis = diagnose(recording, settings)
    if when_judged is not None:
        when_judged(diagnosis)
    comparison = compare([diagnose(baseline, settings)], [diagnosis]) if baseline is not None else None
    windows = _rows(diagnosis, "findings.chart_window")
    return Findings(
        diagnosis=diagnosis,
        ratio=statistics.share(diagnosis.requests.failed, diagnosis.requests.total),
        window=windows[0] if windows else None,
        outages=_rows(diagnosis, "findings.outages"),
        impact=_rows(diagnosis, "findings.impact"),
        latencies=_rows(diagnosis, "findings.latencies"),
        config=_rows(diagnosis, "findings.config_findings"),
        stories=tell_some(diagnosis.engine, [each for cause in diagnosis.causes for each in cause.exemplars]),
        sources=recording.manifest.sources,
        settings=settings or {},
        comparison=comparison,
        recommendation=_recommendation(diagnosis),
    )


def _recommendation(diagnosis: Diagnosis) -> Recommendation | None:
    try:
        return recommend_from([diagnosis.engine])
    except UsageError:
        return None  # without a pod there is no workload to recommend anything for


def _rows(diagnosis: Diagnosis, query: str) -> tuple[Row, ...]:
    diagnosis.engine.make(query)
    return tuple(diagnosis.engine.rows(f"from {query}"))
