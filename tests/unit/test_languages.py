"""The words of the report: every language has all of them, with the same places for values."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from zdtrace.analysis.catalog import library
from zdtrace.analysis.remedies import WORDS
from zdtrace.reporting.language import language
from zdtrace.resources import folder

ADVICE = (
    *WORDS.values(), *(f"{each[0].upper()}{each[1:]}" for each in WORDS.values()),
    "No number can be given: no request was sent after SIGTERM.",
    "Raise terminationGracePeriodSeconds to 45 s (against inflight_cut_sigkill): that avoids 7 of 9 failed requests, "
    "preStop would avoid none.",
    "to claim it of more: 4 more for 50%, 13 more for 80%, 28 more for 90%",
    "with 95% confidence, at least 4% of rollouts like these need no longer one (1 rollout recorded)",
    "no claim: the end of the routing was not seen in all of 3 rollouts",
    "67 of 10 000 → 0 of 10 000 requests failed: a smaller share than before, by more than chance.",
    "after 3 rollouts without loss, at most 63% of such rollouts lose requests (at 95 %); to say at most 10% takes 29",
)


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

def test_no_sentence_of_the_advice_stays_english() -> None:
    chinese = language("zh")
    said = [each for each in ADVICE if not re.search("[\u4e00-\u9fff]", chinese.said(each))]
    assert said == []
    saved = chinese.said("Let preStop sleep 2 s: it avoids 3 certain to 40 possible of 40 failed requests.")
    assert re.findall(r"\d+", saved) == ["2", "40", "3", "40"]


def test_what_nobody_of_us_wrote_is_left_as_it_is() -> None:
    text = "x" * 1_000_000 + " (against y)"
    assert language("zh").said(text) == text
    assert language("zh").said("<b>{0} {x}</b>") == "<b>{0} {x}</b>"
    assert language("en").said("nothing: no longer preStop than now") == "nothing: no longer preStop than now"


def test_each_english_sentence_that_chinese_says_is_one_of_ours() -> None:
    root = Path(__file__).parents[2] / "zdtrace"
    source = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*.py"))
    source = re.sub(r'"\s*f?"', "", source)  # what is written in several pieces is one sentence
    words = tomllib.loads(folder("reports").joinpath("words/zh.toml").read_text(encoding="utf-8"))
    pieces = [piece for each in words["said"] for piece in re.split(r"{\w+}", each["en"]) if len(piece) > 12]
    assert len(pieces) > 80
    assert [piece for piece in pieces if piece not in source] == []
