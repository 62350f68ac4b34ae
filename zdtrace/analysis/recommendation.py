"""How long preStop must sleep and how long the grace period must be: with the claim that the evidence supports.

    recommendation = recommend([open_recording("rollout.zdtrace")])
    print(recommendation.prestop_s, recommendation.claim)

Several recordings of the same workload add up. The method is docs/guide/recommending.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from zdtrace.analysis.advice import Answer as Answer
from zdtrace.analysis.advice import notes, sentence
from zdtrace.analysis.doses import Dose, doses, longest_need_s, steps
from zdtrace.analysis.draining import Drain
from zdtrace.analysis.engine import Engine
from zdtrace.analysis.floors import keepalive_s
from zdtrace.analysis.needs import Need as Need
from zdtrace.analysis.needs import more_runs, needs_of, number_of, weakest_claim
from zdtrace.analysis.patching import Change, change_of
from zdtrace.analysis.propagation import Claim
from zdtrace.analysis.remedies import GRACE_PERIOD, KEEPALIVE, PRESTOP, Remedy, by_cause, ranked, why
from zdtrace.analysis.workloads import Facts, choose, facts_of
from zdtrace.recording.store import Recording

SCHEMA_VERSION = 1
"""Of the JSON that `zdtrace recommend -o json` writes."""
CONFIDENCE, COVERAGE = 0.95, 0.95
_KUBELET_S = 2
"""The kubelet gives a container at least so long between SIGTERM and SIGKILL."""


@dataclass(frozen=True, slots=True)
class Price:
    """What the recommended preStop costs beside the present one.

    `extra_pod_s` pod-seconds a rollout; `extra_rollout_s` longer rollout; `extra_drain_s` longer drain of a node;
    `peak_extra_pods` pods that end at the same time as others and still hold their resources.
    """

    extra_pod_s: float
    extra_rollout_s: float
    extra_drain_s: float
    peak_extra_pods: int
    extra_grace_s: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The answer for one workload (`namespace/kind/name`).

    `prestop_s` and `grace_period_s` are whole seconds, None where they would not help or nothing can be said.
    `seen_s` is the least that covers what was surely seen. `is_at_least`: the true need may be larger. `reasons` say
    why it is inconclusive, `wanted` what to record; `more_runs` are (rollouts more, share they would bound).
    """

    workload: str
    recordings: tuple[str, ...]
    verdict: Answer
    sentence: str
    prestop_s: int | None
    grace_period_s: int | None
    current_prestop_s: float | None
    current_grace_period_s: int | None
    seen_s: float
    is_at_least: bool
    claim: Claim
    more_runs: tuple[tuple[int, float], ...]
    requests: int
    failed: int
    near_misses: int
    needs: tuple[Need, ...]
    drain: Drain
    primary_remedy: str | None
    remedies: tuple[Remedy, ...]
    counterfactual: tuple[Dose, ...]
    price: Price | None
    change: Change | None
    reasons: tuple[str, ...]
    wanted: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the contract of `zdtrace recommend -o json`, see reports/schema/recommendation-1.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "workload": self.workload,
            "recordings": list(self.recordings),
            "verdict": str(self.verdict),
            "sentence": self.sentence,
            "prestop_s": self.prestop_s,
            "grace_period_s": self.grace_period_s,
            "is_at_least": self.is_at_least,
            "claim": {
                "confidence": self.claim.confidence, "coverage": self.claim.coverage, "rollouts": self.claim.rollouts,
            },
            "more_rollouts": [{"rollouts": more, "coverage": coverage} for more, coverage in self.more_runs],
            "current": {"prestop_s": self.current_prestop_s, "grace_period_s": self.current_grace_period_s},
            "requests": {"total": self.requests, "failed": self.failed, "near_misses": self.near_misses},
            "seen_s": self.seen_s,
            "paths": [each.as_json() for each in self.needs],
            "drain": self.drain.as_json(),
            "primary_remedy": self.primary_remedy,
            "remedies": [each.as_json() for each in self.remedies],
            "counterfactual": [each.as_json() for each in self.counterfactual],
            "price": None if self.price is None else {
                "extra_pod_seconds": self.price.extra_pod_s,
                "extra_rollout_s": self.price.extra_rollout_s,
                "extra_drain_s": self.price.extra_drain_s,
                "peak_extra_pods": self.price.peak_extra_pods,
                "extra_grace_period_s": self.price.extra_grace_s,
            },
            "reasons": list(self.reasons),
            "record": list(self.wanted),
            "notes": list(self.notes),
        }


def recommend(
    recordings: Sequence[Recording], *, workload: str | None = None, namespace: str | None = None,
    settings: Mapping[str, str] | None = None, confidence: float = CONFIDENCE, coverage: float = COVERAGE,
    native_sleep: bool | None = None,
) -> Recommendation:
    """Judge recordings of one workload, by default the one that lost most.

    `workload` is `kind/name`, `name` or `namespace/kind/name`. `native_sleep` decides between a native sleep and one by
    exec, where the recordings do not tell the versions. Raises UsageError for a workload that no pod belongs to,
    RecordingError when files cannot be read.
    """
    return recommend_from(
        [Engine(recording, settings) for recording in recordings], workload=workload, namespace=namespace,
        confidence=confidence, coverage=coverage, native_sleep=native_sleep,
    )


def recommend_from(
    engines: Sequence[Engine], *, workload: str | None = None, namespace: str | None = None,
    confidence: float = CONFIDENCE, coverage: float = COVERAGE, native_sleep: bool | None = None,
) -> Recommendation:
    """Judge as `recommend` does, on engines that are there."""
    for engine in engines:
        engine.make(
            "findings.totals", "findings.prestop_evidence", "findings.prestop_effects", "findings.prestop_spared",
            "findings.path_delays",
        )
    chosen, others = choose(engines, workload, namespace)
    facts = facts_of(engines, chosen)
    return _judged(engines, [engine.recording for engine in engines], facts, others, confidence, coverage, native_sleep)


def _judged(
    engines: Sequence[Engine], recordings: Sequence[Recording], facts: Facts, others: Sequence[str],
    confidence: float, coverage: float, native_sleep: bool | None,
) -> Recommendation:
    needs = needs_of(facts, confidence, coverage)
    claim = weakest_claim(needs, confidence)
    number = number_of(needs)
    far = max(longest_need_s(engines, facts.workload), number or 0, ceil(facts.prestop_s or 0)) + 1
    every = doses(engines, facts.workload, range(far + 1))
    failed = sum(row["failed_count"] for row in facts.verdicts)
    spared = _spared(every[number], failed) if number is not None and failed else (0, 0)
    drain = facts.drain(confidence, coverage)
    remedies = _remedies(facts, number, spared, drain)
    verdict, reasons, wanted = _verdict(facts, needs, number, remedies)
    useful = verdict in (Answer.RECOMMENDED, Answer.NOT_NEEDED) or bool(spared[1])
    helps = verdict is not Answer.INCONCLUSIVE and useful
    is_grace = verdict is not Answer.INCONCLUSIVE and (helps or any(each.remedy == GRACE_PERIOD for each in remedies))
    prestop = number if helps else None
    present = ceil(facts.prestop_s or 0)
    grace_period = _grace_period_s(present if prestop is None else prestop, facts, drain) if is_grace else None
    at_least = any(need.bound.bound_s is None for need in needs)
    change = None if verdict is Answer.INCONCLUSIVE or not facts.manifest else change_of(
        facts.manifest, prestop, grace_period, facts.versions, native_sleep=native_sleep,
        has_failed_hook=facts.has_failed_hook,
    )
    return Recommendation(
        workload=facts.workload,
        recordings=tuple(recording.name for recording in recordings),
        verdict=verdict,
        sentence=sentence(verdict, facts, prestop, remedies, failed, spared, reasons),
        prestop_s=prestop,
        grace_period_s=grace_period,
        current_prestop_s=facts.prestop_s,
        current_grace_period_s=facts.grace_s,
        seen_s=max((need.bound.seen_s for need in needs), default=0.0),
        is_at_least=at_least,
        claim=claim,
        more_runs=more_runs(claim.rollouts, confidence),
        requests=facts.requests,
        failed=failed,
        near_misses=facts.near_misses,
        needs=needs,
        drain=drain,
        primary_remedy=remedies[0].remedy if remedies else None,
        remedies=remedies,
        counterfactual=steps(every, {number or 0, ceil(facts.prestop_s or 0)}),
        price=None if prestop is None else _price(prestop, grace_period, facts),
        change=change,
        reasons=reasons,
        wanted=wanted,
        notes=notes(facts, needs, prestop, grace_period, others, at_least),
    )


def _grace_period_s(prestop_s: int, facts: Facts, drain: Drain) -> int:
    return ceil(prestop_s + drain.seconds + facts.sidecar_s + _KUBELET_S)


def _spared(dose: Dose, failed: int) -> tuple[int, int]:
    """Return how many of the failed requests a dose surely and possibly avoids."""
    certain = sum(possible for _, possible in dose.by_cause.values())
    possible = sum(certain_left for certain_left, _ in dose.by_cause.values())
    return max(0, failed - certain), max(0, failed - possible)


def _remedies(facts: Facts, number: int | None, spared: tuple[int, int], drain: Drain) -> tuple[Remedy, ...]:
    prestop_s = number if number is not None and spared[1] else ceil(facts.prestop_s or 0)
    found = by_cause(facts.verdicts, {
        GRACE_PERIOD: _grace_period_s(prestop_s, facts, drain), KEEPALIVE: keepalive_s(facts.proxies, facts.delays),
    })
    causes = sorted({row["cause"] for row in facts.verdicts if row["cause"] in _HELPED})
    return ranked([Remedy(PRESTOP, *spared, why(PRESTOP, number, causes), number), *found])


_HELPED = ("endpoint_lag_refused", "endpoint_lag_blackhole", "inflight_cut_sigterm")


def _verdict(
    facts: Facts, needs: Sequence[Need], number: int | None, remedies: Sequence[Remedy]
) -> tuple[Answer, tuple[str, ...], tuple[str, ...]]:
    reasons, wanted = facts.doubts()
    best = remedies[0] if remedies else None
    prestop = next((each for each in remedies if each.remedy == PRESTOP), None)
    if best is not None and best.remedy != PRESTOP and best.avoids_certain and (prestop is None or not reasons):
        return Answer.WRONG_MEDICINE, (), ()
    if reasons or number is None:
        return Answer.INCONCLUSIVE, reasons, wanted
    if best is not None and best.remedy != PRESTOP and prestop is None:
        return Answer.WRONG_MEDICINE, (), ()
    is_lossy = facts.lag_count > 0
    slowest = max(need.bound.at_least_s if need.bound.bound_s is None else need.bound.bound_s for need in needs)
    if not is_lossy and (facts.is_serving_on or (facts.prestop_s or 0) >= slowest):
        return Answer.NOT_NEEDED, (), ()
    return Answer.RECOMMENDED, (), ()


def _price(prestop_s: int, grace_period_s: int | None, facts: Facts) -> Price:
    extra = max(0.0, prestop_s - (facts.prestop_s or 0.0))
    one_by_one = facts.kind == "StatefulSet"
    together = facts.pods_per_block if not facts.step_s else min(facts.pods_per_block, prestop_s / facts.step_s)
    return Price(
        extra_pod_s=round(facts.pods_per_block * extra, 1),
        extra_rollout_s=round(facts.pods_per_block * extra, 1) if one_by_one else 0.0,
        extra_drain_s=extra,
        peak_extra_pods=ceil(together) if extra else 0,
        extra_grace_s=max(0, (grace_period_s or 0) - (facts.grace_s or 0)),
    )
