"""What a page says of a recommendation: its curve, remedies, claim and price, the patch or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zdtrace.analysis.diagnosis import Rows
from zdtrace.analysis.recommendation import Answer, Recommendation
from zdtrace.analysis.remedies import Remedy
from zdtrace.analysis.words import counted
from zdtrace.reporting.language import Language
from zdtrace.reporting.patch import Form, written
from zdtrace.reporting.recommendation import claim_lines, price_lines


def context(found: Recommendation | None, words: Language) -> dict[str, Any] | None:
    """Return what the template names; None without a recommendation."""
    if found is None:
        return None
    points = [
        words(
            "recommendation.point", prestop=dose.prestop_s, certain=dose.failed_certain, possible=dose.failed_possible
        )
        for dose in found.counterfactual
    ]
    return {
        "sentence": words.said(found.sentence),
        "alternative": words("recommendation.alternative", parts=words("list").join(points)),
        "doses": [
            {
                "prestop": dose.prestop_s, "certain": counted(dose.failed_certain),
                "possible": counted(dose.failed_possible),
            }
            for dose in found.counterfactual
        ],
        "remedies": [
            {
                "avoids": avoids(each), "name": each.remedy, "how": words.said(each.why),
            }
            for each in found.remedies
        ],
        "lists": [(heading, list(map(words.said, lines))) for heading, lines in _lists(found, words) if lines],
        "patch": written(found.change, Form.PATCH, as_json=False)
        if found.change is not None and not found.change.is_empty else None,
    }


def avoids(remedy: Remedy) -> str:
    """Return how many of the failed requests it would have avoided, from surely to possibly."""
    if remedy.avoids_certain == remedy.avoids_possible:
        return counted(remedy.avoids_certain)
    return f"{counted(remedy.avoids_certain)} … {counted(remedy.avoids_possible)}"


def _lists(found: Recommendation, words: Language) -> Iterator[tuple[str, list[str]]]:
    has_patch = found.change is not None and not found.change.is_empty
    if found.prestop_s is not None:
        yield words("recommendation.claim"), list(claim_lines(found))
    if found.price is not None:
        yield words("recommendation.price"), list(price_lines(found))
    yield words("recommendation.reasons" if has_patch else "recommendation.no_patch"), list(found.reasons)
    yield words("recommendation.record"), list(found.wanted)
    warnings = list(found.change.warnings) if found.change is not None and has_patch else []
    yield words("recommendation.notes"), [*warnings, *found.notes]


def rows(found: Recommendation) -> dict[str, Rows]:
    """Return what the picture `dose` is drawn from."""
    marks = [("now", found.current_prestop_s)]
    if found.verdict is Answer.RECOMMENDED:
        marks.append(("recommended", found.prestop_s))
    return {
        "doses": Rows(
            {"prestop_s": "BIGINT", "failed_certain": "BIGINT", "failed_possible": "BIGINT"},
            [(each.prestop_s, each.failed_certain, each.failed_possible) for each in found.counterfactual],
        ),
        "marks": Rows(
            {"state": "VARCHAR", "prestop_s": "DOUBLE"},
            [(state, float(value)) for state, value in marks if value is not None],
        ),
    }
