"""Limits for CI: what may be lost before a diagnosis fails the build, as `--fail-on` says it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zdtrace.analysis.catalog import library
from zdtrace.analysis.words import TIERS, UNATTRIBUTED
from zdtrace.errors import UsageError

if TYPE_CHECKING:
    from zdtrace.analysis.diagnosis import Diagnosis

_EXPRESSION = re.compile(r"\s*([a-z_]+)(?::([A-Za-z0-9_]+))?\s*(>=|>)\s*(\d+(?:\.\d+)?)(%?)\s*", re.ASCII)
_COUNT = re.compile(r"[1-9]\d*", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)
_COMPARE: dict[str, Callable[[float, float], bool]] = {">": operator.gt, ">=": operator.ge}
_OF_ALL = ("failed", "failed_ratio", "near_misses")
_OF_FAILED = ("cause", "tier", "trigger")
_HINT = (
    "write failed>0, failed_ratio>0.001, near_misses>10, cause:NAME>0, tier:U>5%, trigger:NAME>0, "
    "or a number, or a share as 0.1%"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. A share (`%`) is of all requests for `failed` and `near_misses`, else of the failed ones."""

    text: str
    measure: str
    name: str | None
    sign: str
    number: float
    is_share: bool

    def value(self, diagnosis: Diagnosis) -> float:
        """Return what the limit is about: a count, a ratio, or a share between 0 and 1."""
        requests = diagnosis.requests
        counts = {"failed": requests.failed, "failed_ratio": requests.failed, "near_misses": requests.near_misses}
        count = counts[self.measure] if self.name is None else self._named(diagnosis)
        if self.measure == "failed_ratio" or self.is_share:
            whole = requests.failed if self.measure in _OF_FAILED else requests.total
            return count / whole if whole else 0.0
        return count

    def is_over(self, diagnosis: Diagnosis) -> bool:
        """Tell whether the diagnosis breaks the limit."""
        return _COMPARE[self.sign](self.value(diagnosis), self.number)

    def _named(self, diagnosis: Diagnosis) -> int:
        if self.measure == "cause":
            return sum(cause.failed for cause in diagnosis.causes if cause.name == self.name)
        counts = [cause.tiers if self.measure == "tier" else cause.triggers for cause in diagnosis.causes]
        return sum(each.get(self.name or "", 0) for each in counts)


def limits(texts: Iterable[str]) -> tuple[Limit, ...]:
    """Read the limits of `--fail-on`. Raises UsageError for what is none, and for names that nothing has."""
    return tuple(map(_limit, texts))


def _limit(text: str) -> Limit:
    if _COUNT.fullmatch(text):
        return Limit(text, "failed", None, ">=", float(text), is_share=False)
    share = _PERCENT.fullmatch(text)
    if share and 0 < float(share[1]) <= 100:
        return Limit(text, "failed", None, ">=", float(share[1]) / 100, is_share=True)
    found = _EXPRESSION.fullmatch(text)
    if not found or (found[2] is None) != (found[1] in _OF_ALL) or found[1] not in (*_OF_ALL, *_OF_FAILED):
        raise UsageError(f"`--fail-on {text}` is no limit", hint=_HINT)
    measure, name, sign, number, percent = found.groups()
    value = float(number) / 100 if percent else float(number)
    if value > 1 and (percent or measure == "failed_ratio"):
        raise UsageError(f"`--fail-on {text}`: no share is above 100 %", hint=_HINT)
    if sign == ">=" and not value:
        raise UsageError(f"`--fail-on {text}` is always broken", hint="write > for more than none")
    _check_name(text, measure, name)
    return Limit(text, measure, name, sign, value, is_share=bool(percent))


def _check_name(text: str, measure: str, name: str | None) -> None:
    known: list[str] = []
    if measure == "cause":
        known = [query.name for query in library().values() if query.schema == "causes" and query.name != "every"]
        known.append(UNATTRIBUTED)
    elif measure == "tier":
        known = list(TIERS)
    elif measure == "trigger":
        known = [*_triggers(), "none"]
    if known and name not in known:
        # A misspelt name would never be found, and so would never fail a build.
        raise UsageError(f"`--fail-on {text}`: there is no {measure} `{name}`", hint=f"there are {', '.join(known)}")


def _triggers() -> list[str]:
    documented = next(each.doc for each in library()["timeline.pod_triggers"].columns if each.name == "pod_trigger")
    return re.findall(r"[a-z_]+", documented)
