"""The words of the report: every language has all of them, with the same places for values."""

from __future__ import annotations

import re

from zdtrace.analysis.catalog import library
from zdtrace.reporting.language import language


def test_chinese_has_every_text_with_the_same_places_for_values() -> None:
    english, chinese = language("en").english, language("zh").texts
    assert [key for key in english if key not in chinese] == []
    places = {key: sorted(re.findall(r"{(\w+)", text)) for key, text in english.items()}
    assert [key for key in english if sorted(re.findall(r"{(\w+)", chinese[key])) != places[key]] == []


def test_chinese_names_every_cause_and_what_to_do_about_it() -> None:
    causes = [query.name for query in library().values() if query.schema == "causes" and query.name != "every"]
    words = ("title", "clause", "remedy", "prestop", "not_when", "summary")
    wanted = [f"causes.{cause}.{word}" for cause in causes for word in words]
    assert [key for key in wanted if key not in language("zh").texts] == []
