"""The words of a language: `reports/words/<code>.toml`, and what the library of SQL says in English."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from zdtrace.analysis import words
from zdtrace.analysis.catalog import library
from zdtrace.analysis.diagnosis import Check, Diagnosis
from zdtrace.resources import folder

LANGUAGES = ("en", "zh")
"""Codes of the languages that a report can be written in."""
_LONGEST = 1_000
"""No sentence of ours is longer: what is, names something that a stranger made so long."""


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language. A text that it lacks is the English one."""

    code: str
    texts: Mapping[str, str]
    english: Mapping[str, str]
    phrases: tuple[tuple[re.Pattern[str], str], ...] = ()

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return a text with its values in it, as in `language("impact.of", total="20 000")`."""
        return self.template(key).format(**values)

    def template(self, key: str) -> str:
        """Return a text with the places for its values."""
        return self.texts.get(key) or self.english[key]

    def or_given(self, key: str, given: str | None) -> str | None:
        """Return the language's own text, or what was given."""
        return self.texts.get(key, given)

    def cause(self, name: str, /) -> str:
        """Return the title of a cause."""
        return self.texts.get(f"causes.{name}.title") or words.title(name)

    def remedy(self, name: str, given: str) -> str:
        """Return what to do about a cause."""
        return self.texts.get(f"causes.{name}.remedy", given)

    def prestop(self, name: str, given: str | None) -> str | None:
        """Return whether a preStop hook helps; null when that is not known."""
        return self.texts.get(f"causes.{name}.prestop", given)

    def summary(self, name: str) -> str:
        """Return what a cause is, in a sentence."""
        query = library().get(f"causes.{name}")
        return self.texts.get(f"causes.{name}.summary") or (query.summary if query else self("causes.unexplained"))

    def not_when(self, name: str) -> str | None:
        """Return when it is not this cause; null when nothing else looks like it."""
        query = library().get(f"causes.{name}")
        return self.or_given(f"causes.{name}.not_when", query.fields.get("Not when") if query else None)

    def tier(self, name: str) -> str:
        """Return what a tier says."""
        return self.texts.get(f"tiers.{name}") or words.TIERS[name]

    def check(self, check: Check) -> str:
        """Return a doubt in words."""
        own = self.texts.get(f"checks.{check.name}")
        try:
            return own.format(**check.details) if own else check.message
        except (KeyError, IndexError, ValueError):
            return check.message

    def said(self, sentence: str) -> str:
        """Return what the analysis says in an English sentence; one that the language has no words for as it is.

        The places of a sentence may hold others: each is said in the language, too.
        """
        for pattern, own in self.phrases if len(sentence) < _LONGEST else ():
            found = pattern.fullmatch(sentence)
            if found:
                return own.format(**{name: self.said(value) for name, value in found.groupdict().items()})
        return sentence

    def uses(self, used_for: str) -> str:
        """Return what a source was used for."""
        names = {text: name for name, text in words.SOURCE_USES.items()}
        return self("list").join(
            self.texts.get(f"uses.{names.get(each, '')}", each) for each in used_for.split("; ")
        )

    def trigger(self, name: str) -> str:
        """Return why a pod went away."""
        return self.texts.get(f"triggers.{name}") or self.english.get(f"triggers.{name}") or name.replace("_", " ")

    def where(self, name: str) -> str:
        """Return on which side a cause lies."""
        known = f"where.{name}" in self.english
        return self(f"where.{name}" if known else "where.unknown")

    def moment(self, moment: str | None, what: str) -> str:
        """Return what happened: the language's word for it before the recording's own."""
        own = self.texts.get(f"moments.{moment}")
        return f"{own}{self('brackets', text=what)}" if own else what

    def sentence(self, diagnosis: Diagnosis) -> str:
        """Return the verdict in one sentence."""
        if "sentence.failed" not in self.texts:
            return diagnosis.sentence
        requests = diagnosis.requests
        sizes = {"failed": words.counted(requests.failed), "total": words.counted(requests.total)}
        if requests.failed:
            counts = [(each.failed, each.name) for each in diagnosis.causes if each.failed]
            return self("sentence.failed", **sizes, why=self._why(counts))
        if not requests.total:
            return self("sentence.nothing")
        doubts = [check for check in diagnosis.checks if check.severity in ("error", "data_loss")]
        if doubts:
            return self("sentence.doubtful", **sizes, doubt=self.check(doubts[0]))
        if requests.near_misses:
            counts = [(each.near_misses, each.name) for each in diagnosis.causes if each.near_misses]
            return self(
                "sentence.healed", **sizes, healed=words.counted(requests.near_misses), why=self._why(counts)
            )
        return self("sentence.good", **sizes)

    def _why(self, counts: list[tuple[int, str]]) -> str:
        return self("sentence.list").join(
            self("sentence.part", count=words.counted(count), clause=self.clause(name)) for count, name in counts
        )

    def clause(self, name: str) -> str:
        """Return what happened to a request of this cause, to follow a number."""
        return self.texts.get(f"causes.{name}.clause") or words.clause(name)


@cache
def language(code: str) -> Language:
    """Return a language. Raises KeyError for one that has no words here."""
    if code not in LANGUAGES:
        raise KeyError(code)
    own = _content(code)
    phrases = [(_pattern(each["en"]), each[code]) for each in own.pop("said", [])]
    return Language(code, dict(_flat("", own)), dict(_flat("", _content("en"))), tuple(phrases))


def _content(code: str) -> dict[str, Any]:
    return tomllib.loads(folder("reports").joinpath(f"words/{code}.toml").read_text(encoding="utf-8"))


def _pattern(template: str) -> re.Pattern[str]:
    """Return what matches an English sentence with any words in its places, and a capital letter at its begin."""
    parts = re.split(r"{(\w+)}", template)
    text = "".join(re.escape(part) if place % 2 == 0 else f"(?P<{part}>.+?)" for place, part in enumerate(parts))
    return re.compile(f"(?i:{text[0]}){text[1:]}" if text[0].isalpha() else text, re.DOTALL)


def _flat(prefix: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(f"{prefix}{name}.", value)
        else:
            found.append((f"{prefix}{name}", str(value)))
    return found
