"""Reading query files: what a header gives, and what is wrong with those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from zdtrace.analysis.catalog import EVERY_CAUSE_COLUMNS, in_order, needed_for, parse, read, with_every_cause
from zdtrace.errors import QueryError

HEADER = """-- What pods were called,
-- in two lines.
--
-- Kind:     table
-- Grain:    one row per pod
-- Reads:    staging.pods, staging.events,
--           recording.sources
-- Params:
--   slack_ms  BIGINT  20  How much is forgiven,
--                         in ms.
--
-- Columns:
--   pod_name    VARCHAR                   Name.
--   deleted_at  TIMESTAMP WITH TIME ZONE  When it was deleted;
--                                         null while it lives.
select 1
"""


def test_a_header_gives_its_words_columns_and_settings() -> None:
    query = parse("timeline", "names", HEADER)
    assert query.full_name == "timeline.names"
    assert query.summary == "What pods were called, in two lines."
    assert query.reads == ("staging.pods", "staging.events", "recording.sources")
    assert [(each.name, each.type, each.doc) for each in query.columns] == [
        ("pod_name", "VARCHAR", "Name."),
        ("deleted_at", "TIMESTAMP WITH TIME ZONE", "When it was deleted; null while it lives."),
    ]
    (param,) = query.params
    assert (param.name, param.type, param.default) == ("slack_ms", "BIGINT", "20")
    assert param.doc == "How much is forgiven, in ms."
    assert query.is_table
    assert query.fields["Grain"] == "one row per pod"


def test_comments_after_the_select_belong_to_nobody() -> None:
    query = parse("timeline", "one", "-- One.\nselect 1\n-- Reads: causes.none\n")
    assert (query.summary, query.reads) == ("One.", ())


@pytest.mark.parametrize("line", ["--   no_type_here", "--   lower  varchar  Type in lower case.", "-- pod VARCHAR  x"])
def test_a_column_that_cannot_be_read_is_an_error_with_its_line(line: str) -> None:
    text = f"-- Rows.\n--\n-- Columns:\n{line}\nselect 1\n"
    with pytest.raises(QueryError, match=r"queries/causes/odd\.sql:4: want"):
        parse("causes", "odd", text)


def folder_with(tmp_path: Path, **reads: str) -> Path:
    """Return a folder of queries, each named `schema__name`, with what each reads."""
    for full_name, read_by in reads.items():
        schema, name = full_name.split("__")
        (tmp_path / schema).mkdir(exist_ok=True)
        (tmp_path / schema / f"{name}.sql").write_text(f"-- Rows.\n--\n-- Reads: {read_by}\nselect 1 as one\n")
    return tmp_path


def test_queries_are_made_after_what_they_read_and_macros_first(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path, causes__c="timeline.b", timeline__b="staging.a", staging__a="recording.requests", macros__m="",
    )
    assert list(in_order(read(folder))) == ["macros.m", "staging.a", "timeline.b", "causes.c"]


def test_queries_that_read_each_other_in_a_circle_are_named(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, staging__a="staging.b", staging__b="staging.a")
    with pytest.raises(QueryError, match=r"circle: staging\.\w -> staging\.\w -> staging\.\w"):
        in_order(read(folder))


def test_a_query_that_reads_what_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"no query is called staging\.gone"):
        in_order(read(folder_with(tmp_path, staging__a="staging.gone")))


def test_a_folder_without_causes_has_no_union_of_them(tmp_path: Path) -> None:
    queries = read(folder_with(tmp_path, staging__a=""))
    assert list(with_every_cause(queries)) == ["staging.a"]


def test_a_new_cause_is_one_new_file(tmp_path: Path) -> None:
    queries = with_every_cause(read(folder_with(tmp_path, causes__fire="", causes__water="")))
    every = queries["causes.every"]
    assert every.reads == ("causes.fire", "causes.water")
    assert every.sql.count("union all") == 1
    assert all(f"'{name}' as cause" in every.sql for name in ("fire", "water"))
    assert ", ".join(EVERY_CAUSE_COLUMNS) in every.sql


def test_only_what_is_asked_for_and_what_it_stands_on_is_made() -> None:
    names = [query.full_name for query in needed_for("staging.requests") if not query.is_macro]
    assert names == ["staging.requests"]
    names = [query.full_name for query in needed_for("timeline.rollouts") if not query.is_macro]
    assert "timeline.pod_lifecycles" in names
    assert not any(name.startswith(("causes.", "findings.")) for name in names)
