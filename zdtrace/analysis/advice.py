"""The words of a recommendation: one sentence with the number, and what is to be minded beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from zdtrace.analysis.needs import Need
from zdtrace.analysis.remedies import DRAIN, Remedy
from zdtrace.analysis.workloads import Facts


class Answer(StrEnum):
    """Is a preStop what this workload needs?"""

    RECOMMENDED = "recommended"
    NOT_NEEDED = "not_needed"
    WRONG_MEDICINE = "wrong_medicine"
    INCONCLUSIVE = "inconclusive"


def sentence(
    verdict: Answer, facts: Facts, prestop_s: int | None, remedies: Sequence[Remedy], failed: int,
    spared: tuple[int, int], reasons: Sequence[str],
) -> str:
    """Return the answer in one sentence. `spared` are the failures that preStop surely and possibly avoids."""
    if verdict is Answer.INCONCLUSIVE:
        return f"No number can be given: {reasons[0] if reasons else 'no path to the pods was seen'}."
    if verdict is Answer.WRONG_MEDICINE:
        best = remedies[0]
        prestop = f"preStop would avoid {_range(*spared)} of {failed}" if spared[1] else "preStop would avoid none"
        avoided = _range(best.avoids_certain, best.avoids_possible)
        return f"{best.why[0].upper()}{best.why[1:]}: that avoids {avoided} of {failed} failed requests, {prestop}."
    if verdict is Answer.NOT_NEEDED:
        if facts.is_serving_on and (facts.prestop_s or 0) < (prestop_s or 0):
            return "Nothing to add: the application goes on serving after SIGTERM until no request comes any more."
        present = f"preStop of {facts.prestop_s:g} s" if facts.prestop_s else "state without preStop"
        return f"Nothing to add: the present {present} outlasts every path."
    if not failed:
        return f"Let preStop sleep {prestop_s} s: no request failed here, but the path takes longer than is waited now."
    return f"Let preStop sleep {prestop_s} s: it avoids {_range(*spared)} of {failed} failed requests."


def _range(certain: int, possible: int) -> str:
    return str(certain) if certain == possible else f"{certain} certain to {possible} possible"


def notes(
    facts: Facts, needs: Sequence[Need], prestop_s: int | None, grace_s: int | None, others: Sequence[str],
    at_least: bool,
) -> tuple[str, ...]:
    """Return what limits the numbers, and what else was seen."""
    return (*_limits(facts, prestop_s, grace_s), *_remarks(facts, needs, others, at_least))


def _limits(facts: Facts, prestop_s: int | None, grace_s: int | None) -> Iterable[str]:
    """Yield where a longer grace period would not be granted."""
    if grace_s is None:
        return
    if facts.grace_s is not None and grace_s <= facts.grace_s:
        yield f"the present grace period of {facts.grace_s} s is long enough"
    if grace_s > 30:
        yield f"spot nodes of Google Cloud and Azure get 30 s of notice: {grace_s} s are cut short there"
    if grace_s > 120:
        yield f"spot nodes of AWS get 120 s of notice: {grace_s} s are cut short there"
    if grace_s > 600:
        yield "the cluster autoscaler waits 600 s at most when it drains a node"
    if facts.is_node_shutdown or (prestop_s or 0) > 15:
        yield (
            "a graceful node shutdown often leaves ordinary pods 15 s: there the application must itself go on "
            "serving after SIGTERM, instead of preStop"
        )


def _remarks(facts: Facts, needs: Sequence[Need], others: Sequence[str], at_least: bool) -> Iterable[str]:
    if at_least:
        yield (
            "at least: the proxy stopped trying a pod once it had failed, or the load ended, so the end of the routing "
            "was not seen; record again with a long preStop (30 s), and with the controller's log"
        )
    if facts.is_cutting and any(each["cause"] == "inflight_cut_sigterm" for each in facts.verdicts):
        yield f"the application breaks off requests at SIGTERM: their time is in the number ({DRAIN} is cleaner)"
    if facts.pinned_count:
        yield (
            f"{facts.pinned_count} requests came to ending pods over connections that may have been older: no preStop "
            "ends those, the server must close them"
        )
    if facts.silent_paths:
        yield f"no request was seen on {', '.join(facts.silent_paths)}: that path says nothing"
    if any(need.is_by_design for need in needs[:1]):
        yield f"the design of the path ({needs[0].bound.proxy}) decides, not what was seen: it may take that long"
    if others:
        yield f"other workloads lost requests, too: {', '.join(others)} (choose with --workload)"
