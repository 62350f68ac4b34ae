"""Label selectors as `kubectl -l` takes them, for what no API server selects for us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from zdtrace.errors import UsageError

_KEY = r"[\w./-]+"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*([\w.-]*)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One part of a selector: the label is there and among `values` (any, when null), or `negated`: it is not."""

    key: str
    values: frozenset[str] | None
    is_negated: bool = False

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels fulfil it."""
        found = labels.get(self.key)
        is_met = found is not None and (self.values is None or found in self.values)
        return is_met != self.is_negated


def requirements(text: str) -> tuple[Requirement, ...]:
    """Return the parts of a selector, all of which must hold. Raises UsageError."""
    return tuple(_requirement(part.strip(), text) for part in re.split(r",(?![^()]*\))", text) if part.strip())


def matches(parts: tuple[Requirement, ...], labels: Mapping[str, str]) -> bool:
    """Tell whether labels fulfil every part."""
    return all(part.holds(labels) for part in parts)


def requirements_of(selector: object) -> tuple[Requirement, ...]:
    """Return the parts of a selector as objects hold it, with `matchLabels` and `matchExpressions`."""
    if not isinstance(selector, Mapping):
        return ()
    labels, expressions = selector.get("matchLabels"), selector.get("matchExpressions")
    parts = [
        Requirement(str(key), frozenset({str(value)}))
        for key, value in (labels.items() if isinstance(labels, Mapping) else ())
    ]
    for each in expressions if isinstance(expressions, list) else ():
        if isinstance(each, Mapping):
            operator, values = each.get("operator"), each.get("values") or ()
            of_any = None if operator in ("Exists", "DoesNotExist") else frozenset(map(str, values))
            parts.append(Requirement(str(each.get("key")), of_any, operator in ("NotIn", "DoesNotExist")))
    return tuple(parts)


def _requirement(part: str, whole: str) -> Requirement:
    if found := _SET.fullmatch(part):
        values = frozenset(each.strip() for each in found[3].split(","))
        return Requirement(found[1], values, found[2] == "notin")
    if found := _EQUAL.fullmatch(part):
        return Requirement(found[1], frozenset({found[3]}), found[2] == "!=")
    if found := _EXISTS.fullmatch(part):
        return Requirement(found[2], None, found[1] == "!")
    raise UsageError(f"`-l {whole}` is no label selector", hint="write it as app=demo,tier!=cache,zone in (a,b)")
