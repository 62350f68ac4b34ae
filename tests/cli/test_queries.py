"""`zdtrace queries`: the library's contracts, readable without the source."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable

from zdtrace.analysis.catalog import library

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_every_query_is_listed_with_its_sentence(zdtrace: Run) -> None:
    listed = json.loads(zdtrace("queries", "-o", "json").stdout)
    assert {each["name"]: each["summary"] for each in listed} == {
        query.full_name: query.summary for query in library().values()
    }
    text = zdtrace("queries").stdout
    assert max(map(len, text.splitlines())) <= 80
    for query in library().values():
        assert f"\n{query.full_name} " in text


def test_a_query_is_shown_with_its_fields_columns_and_sql(
    zdtrace: Run, golden: Callable[[str, str], None]
) -> None:
    result = zdtrace("queries", "checks.clocks_not_sampled")
    assert (result.returncode, result.stderr) == (0, "")
    golden("query.txt", result.stdout)


def test_the_bare_name_is_enough(zdtrace: Run) -> None:
    assert zdtrace("queries", "verdicts").stdout == zdtrace("queries", "findings.verdicts").stdout


def test_an_unknown_name_gets_a_near_one(zdtrace: Run) -> None:
    result = zdtrace("queries", "verdict")
    assert (result.returncode, result.stdout) == (2, "")
    assert "did you mean verdicts" in result.stderr


def test_a_name_that_several_have_is_not_guessed(zdtrace: Run) -> None:
    names = Counter(query.name for query in library().values())
    for name in [name for name, count in names.items() if count > 1]:
        result = zdtrace("queries", name)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"several queries are called `{name}`" in result.stderr
