"""Each query file keeps the promises of its header; and these tests notice when one does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import contract
import pytest

from zdtrace.analysis.catalog import EVERY_CAUSE_COLUMNS, Query, library, parse
from zdtrace.analysis.engine import Engine
from zdtrace.recording.store import extend, open_recording

EVERY = [query for query in library().values() if not query.is_macro]
FILES = [query for query in EVERY if query.full_name != "causes.every"]
CAUSES = [query for query in FILES if query.schema == "causes"]
each_file = pytest.mark.parametrize("query", FILES, ids=lambda query: query.full_name)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The whole library, with its comments, over a recording that holds nothing."""
    folder = tmp_path_factory.mktemp("empty") / "empty.zdtrace"
    with extend(folder):
        pass
    made = Engine(open_recording(folder))
    made.make_all()
    return made


@each_file
def test_documented_columns_are_the_real_ones(query: Query, engine: Engine) -> None:
    assert list(contract.columns_drift(query, engine.db)) == []


@each_file
def test_reads_names_what_the_parser_finds(query: Query) -> None:
    assert list(contract.reads_drift(query)) == []


@each_file
def test_a_query_has_no_rows_without_what_it_needs(query: Query) -> None:
    assert set(query.needs) <= set(query.reads)
    assert list(contract.needs_drift(query)) == []


@each_file
def test_a_layer_reads_only_downwards(query: Query) -> None:
    assert list(contract.layers_drift(query)) == []


@each_file
def test_no_query_ends_in_select_star(query: Query) -> None:
    assert list(contract.star_drift(query)) == []


@each_file
def test_names_carry_their_units(query: Query) -> None:
    assert list(contract.units_drift(query)) == []


@each_file
def test_a_header_has_a_sentence_a_grain_and_a_sentence_for_each_column(query: Query) -> None:
    assert list(contract.header_drift(query)) == []


@pytest.mark.parametrize("query", CAUSES, ids=lambda query: query.name)
def test_all_causes_begin_alike_and_tell_their_remedy(query: Query) -> None:
    assert list(contract.cause_drift(query)) == []


def test_each_setting_is_documented_once_and_read_by_somebody() -> None:
    assert list(contract.params_drift(FILES)) == []
    names = [param.name for query in FILES for param in query.params]
    assert sorted(names) == sorted(set(names))


def test_the_union_of_causes_reads_every_cause_file_and_nothing_else(engine: Engine) -> None:
    every = library()["causes.every"]
    assert set(every.reads) == {query.full_name for query in CAUSES}
    assert list(contract.columns_drift(every, engine.db)) == []
    assert [column.name for column in every.columns] == ["cause", *EVERY_CAUSE_COLUMNS]


def test_the_headers_reach_duckdbs_own_catalogue(engine: Engine) -> None:
    summaries = dict(engine.db.execute("""
        select schema_name || '.' || view_name, comment from duckdb_views() where not internal
        union all
        select schema_name || '.' || table_name, comment from duckdb_tables()
    """).fetchall())
    documents = {
        (f"{schema}.{name}", column): comment for schema, name, column, comment in engine.db.execute(
            "select schema_name, table_name, column_name, comment from duckdb_columns() where not internal"
        ).fetchall()
    }
    for query in EVERY:
        assert summaries[query.full_name] == query.summary
        for column in query.columns:
            assert documents[query.full_name, column.name] == column.doc


def test_a_recording_that_holds_nothing_has_no_verdicts(engine: Engine) -> None:
    assert engine.rows("select * from findings.verdicts") == []
    assert engine.rows("select * from findings.totals") == [
        {"request_count": 0, "failed_count": 0, "near_miss_count": 0}
    ]


# What follows breaks one promise at a time in a copy of a real file, and wants to hear of it.


def altered(name: str, old: str, new: str) -> Query:
    """Return a query of the library with a piece of its file replaced."""
    query = library()[name]
    assert old in query.sql
    return parse(query.schema, query.name, query.sql.replace(old, new, 1))


Check = Callable[[Query], Iterator[str]]
REFUSED = "causes.endpoint_lag_refused"


@pytest.mark.parametrize(("name", "old", "new"), [
    ("timeline.rollouts", "VARCHAR  `kind/name`.", "BIGINT   `kind/name`."),
    ("timeline.rollouts", "--   namespace      VARCHAR  Namespace.\n", ""),
    ("timeline.rollouts", "    new_templates.workload,\n    new_templates.namespace,\n",
     "    new_templates.namespace,\n    new_templates.workload,\n"),
], ids=["type", "left out", "order"])
def test_a_column_that_drifts_from_its_document_is_noticed(engine: Engine, name: str, old: str, new: str) -> None:
    assert len(list(contract.columns_drift(altered(name, old, new), engine.db))) == 1


@pytest.mark.parametrize(("check", "name", "old", "new"), [
    (contract.reads_drift, "timeline.failures", "-- Reads:    staging.requests, ", "-- Reads:    "),
    (contract.reads_drift, "timeline.failures", "from staging.requests", "from staging.other"),
    (contract.layers_drift, "timeline.failures", "-- Reads:    staging.requests", "-- Reads:    recording.requests"),
    (contract.layers_drift, "timeline.failures", "-- Reads:    staging.requests", "-- Reads:    findings.verdicts"),
    (contract.needs_drift, "timeline.failures", "-- Needs:    ", "-- Needs:    staging.client_messages, "),
    (contract.needs_drift, "timeline.attempt_pods", "-- Needs:    ", "-- Needs:    timeline.node_outages, "),
    (contract.needs_drift, "causes.node_lost", "inner join", "left outer join"),
    (contract.units_drift, REFUSED, "since_kill_ms", "since_kill"),
    (contract.units_drift, "timeline.failures", "is_truncated    BOOLEAN", "truncated       BOOLEAN"),
    (contract.header_drift, "timeline.failures", "-- Grain: ", "-- Grain:  rows "),
    (contract.header_drift, "timeline.failures", "Name of the source.", "Name of the source"),
    (contract.cause_drift, REFUSED, "-- See: https://", "-- See: "),
    (contract.cause_drift, REFUSED, "-- Prestop helps: yes\n", ""),
    (contract.cause_drift, REFUSED, "--   attempt       INTEGER ", "--   attempt       BIGINT  "),
], ids=lambda each: each.__name__ if callable(each) else None)
def test_a_broken_promise_is_noticed(check: Check, name: str, old: str, new: str) -> None:
    assert list(check(library()[name])) == []
    assert list(check(altered(name, old, new)))


@pytest.mark.parametrize(("sql", "needs"), [
    ("select a from x.y", {"x.y"}),
    ("select a from x.y left join x.z on true", {"x.y"}),
    ("select a from x.y right join x.z on true", {"x.z"}),
    ("select a from x.y full join x.z on true", set()),
    ("select a from x.y anti join x.z using (a)", {"x.y"}),
    ("select a from x.y asof join x.z on a >= b", {"x.y", "x.z"}),
    ("select a from x.y union all select a from x.z", set()),
    ("select a from x.y except select a from x.z", {"x.y"}),
    ("select count(*) from x.y", set()),
    ("select a, count(*) from x.y group by a", {"x.y"}),
    ("select a, count(*) over () from x.y", {"x.y"}),
    ("select a from x.y where a > 0 and exists (select 1 from x.z)", {"x.y", "x.z"}),
    ("select a from x.y where exists (select count(*) from x.z)", {"x.y"}),
    ("select a from x.y where a > 0 or exists (select 1 from x.z)", {"x.y"}),
    ("select a from x.y where not exists (select 1 from x.z)", {"x.y"}),
    ("select a from x.y where a in (select b from x.z)", {"x.y", "x.z"}),
    ("with c as (select a from x.y), d as (from c) select a from d", {"x.y"}),
    ("with c as (select max(a) as a from x.y) select a from c inner join x.z using (a)", {"x.z"}),
    ("select a from (select a from x.y) as c", {"x.y"}),
    ("select (select max(a) from x.z) as a from x.y", {"x.y"}),
    ("select a from x.y group by all having count(*) > 1", {"x.y"}),
])
def test_what_a_select_needs_is_read_from_its_joins(sql: str, needs: set[str]) -> None:
    assert contract.needs_of(contract.sql_of(parse("staging", "some", sql)), {}) == needs


def test_a_query_that_ends_in_a_star_is_noticed() -> None:
    query = parse("staging", "lazy", "-- Rows.\nselect * from recording.sources")
    assert list(contract.star_drift(query)) == ["staging.lazy ends in select *"]
    assert list(contract.star_drift(replace(query, sql="select sources.* from recording.sources")))


def test_a_setting_that_nobody_reads_or_nobody_documents_is_noticed() -> None:
    query = altered("clocks.observations", "--   watch_lag_ms  BIGINT", "--   watch_lag  BIGINT")
    assert list(contract.params_drift([query])) == ["nobody reads watch_lag", "nobody documents watch_lag_ms"]


def test_an_upper_layer_is_not_read_by_a_file_in_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "nosy.sql").write_text("-- Nosy.\n--\n-- Reads: findings.verdicts\nselect 1 as line\n")
    query = parse("checks", "nosy", (tmp_path / "checks" / "nosy.sql").read_text())
    assert list(contract.layers_drift(query)) == ["checks.nosy reads findings.verdicts"]
