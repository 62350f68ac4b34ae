"""The last run of an experiment in Prometheus' text format, for the textfile collector of node_exporter.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zdtrace.chaos.judging import FAIL, INCONCLUSIVE, PASS, Judged
from zdtrace.chaos.outcomes import ABORTED, FAILED, NOT_STEADY

_VERDICTS = (PASS, FAIL, INCONCLUSIVE, ABORTED, FAILED, NOT_STEADY)
_NS = 1e9
Sample = tuple[Mapping[str, str], float]


def as_textfile(judged: Judged) -> str:
    """Return gauges about the last run; a failed request is counted by its cause."""
    outcome = judged.outcome
    labels = {"experiment": outcome.experiment, "namespace": judged.namespace, "target": judged.target}
    families: list[tuple[str, str, list[Sample]]] = [
        ("last_run_timestamp_seconds", "When the last run ended.", [(labels, outcome.ended_at_ns / _NS)]),
        ("last_run_duration_seconds", "How long the last run took.", [
            (labels, (outcome.ended_at_ns - outcome.began_at_ns) / _NS),
        ]),
        ("last_run_verdict", "1 for the verdict of the last run, 0 for the others.", [
            ({**labels, "verdict": each}, float(each == judged.verdict)) for each in _VERDICTS
        ]),
        ("last_run_undone", "1 when everything that the last run changed was put back.", [
            (labels, float(outcome.is_undone)),
        ]),
    ]
    if judged.findings is not None:
        diagnosis = judged.findings.diagnosis
        families += [
            ("last_run_requests", "Requests that were sent in the last run.", [(labels, diagnosis.requests.total)]),
            ("last_run_failed_requests", "Requests that failed in the last run.", [
                (labels, diagnosis.requests.failed),
            ]),
            ("last_run_near_misses", "Requests of the last run that a retry healed.", [
                (labels, diagnosis.requests.near_misses),
            ]),
            ("last_run_failed_requests_by_cause", "Requests that failed in the last run, by cause.", [
                ({**labels, "cause": each.name}, each.failed) for each in diagnosis.causes if each.failed
            ]),
        ]
    return "".join(_family(f"zdtrace_chaos_{name}", words, samples) for name, words, samples in families)


def _family(name: str, words: str, samples: Iterable[Sample]) -> str:
    lines = [f"{name}{{{_labels(labels)}}} {value:.15g}\n" for labels, value in samples]
    return f"# HELP {name} {words}\n# TYPE {name} gauge\n" + "".join(lines) if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
