"""`zdtrace sql` and `zdtrace queries`: a recording in DuckDB, and the library of views over it."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.analyzing import RecordingArgument, SetOption, chosen
from zdtrace.cli.console import say, say_error, uses_color
from zdtrace.errors import QueryError, UsageError

if TYPE_CHECKING:
    from zdtrace.analysis.asking import Answer, Console
    from zdtrace.analysis.catalog import Query

_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?|NULL")
_PROMPT, _MORE = "zdtrace> ", "    ...> "


class Output(StrEnum):
    """How rows are written to stdout."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


class ListOutput(StrEnum):
    """How the library is written to stdout."""

    TEXT = "text"
    JSON = "json"


def sql(
    recording: RecordingArgument,
    command: Annotated[list[str] | None, typer.Option(
        "-c", "--command", metavar="SQL", help="Run this. May be repeated.", show_default=False,
    )] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to write rows.")] = Output.TABLE,
    settings: SetOption = None,
) -> None:
    """Open a recording in DuckDB with every view of the library in place, and answer SQL.

    Without -c, statements come from stdin, or from a prompt when stdin is a terminal. Nothing that is
    asked can change the recording, write a file or reach the network.

    Example: zdtrace sql rollout.zdtrace -c "select cause, count(*) from findings.verdicts group by cause"
    """
    from zdtrace.analysis.asking import Console
    from zdtrace.recording.store import open_recording

    opened = open_recording(recording)
    console = Console(opened, chosen(settings))
    if command:
        _answer(console, ";\n".join(command), output)
    elif sys.stdin.isatty():
        _prompt(console, output)
    else:
        text = sys.stdin.read()
        if not text.strip():
            raise UsageError("no SQL on stdin", hint="give it with -c, or pipe it in")
        _answer(console, text, output)


def queries(
    name: Annotated[str | None, typer.Argument(
        metavar="[NAME]", help="A query, as findings.verdicts or just verdicts.", show_default=False,
    )] = None,
    output: Annotated[ListOutput, typer.Option("--output", "-o", help="How to write it.")] = ListOutput.TEXT,
) -> None:
    """List the library of SQL, or show one query's whole contract: what it reads, its columns, its SQL.

    Example: zdtrace queries findings.verdicts
    """
    from zdtrace.analysis.catalog import library

    if name is not None:
        query = _named(name)
        sys.stdout.write(_json(_described(query)) if output is ListOutput.JSON else _contract(query))
    elif output is ListOutput.JSON:
        sys.stdout.write(_json([_described(query) for query in library().values()]))
    else:
        sys.stdout.write(_listed())


def _answer(console: Console, text: str, output: Output) -> None:
    for answer in console.ask(text, as_objects=output in (Output.JSON, Output.NDJSON)):
        _write(answer, output)


def _write(answer: Answer, output: Output) -> None:
    if output is Output.TABLE:
        from zdtrace.reporting.layout import Column, Style, grid

        rows = [["NULL" if cell is None else cell for cell in row] for row in answer.rows]
        columns = [
            Column(name, is_number=all(_NUMBER.fullmatch(row[place]) for row in rows))
            for place, name in enumerate(answer.columns)
        ]
        sys.stdout.write(grid(columns, rows, width=None, style=Style(uses_color(sys.stdout))))
        if sys.stdout.isatty():
            say(f"{len(rows)} rows")
    elif output is Output.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
    elif output is Output.NDJSON:
        sys.stdout.writelines(f"{row[0]}\n" for row in answer.rows)
    else:
        sys.stdout.write("[")
        for number, row in enumerate(answer.rows):
            sys.stdout.write(("," if number else "") + f"\n  {row[0]}")
        sys.stdout.write("\n]\n")


def _prompt(console: Console, output: Output) -> None:
    """Answer what is typed, a statement at a time; an error is said and forgotten."""
    say("`;` ends a statement, \\d lists the views, \\q quits")
    for statement in _typed():
        if statement == "\\d":
            sys.stdout.write(_listed())
            continue
        try:
            _answer(console, statement, output)
        except QueryError as error:
            say_error(error.message)


def _typed() -> Iterator[str]:
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives `input` its history and its arrow keys

    pending = ""
    while True:
        try:
            line = input(_MORE if pending else _PROMPT)
        except EOFError:
            sys.stdout.write("\n")
            return
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            pending = ""
            continue
        if not pending and line.strip() in ("\\q", "exit", "quit"):
            return
        if not pending and line.strip() == "\\d":
            yield "\\d"
            continue
        pending = f"{pending}{line}\n"
        if line.rstrip().endswith(";"):
            yield pending
            pending = ""
        elif not pending.strip():
            pending = ""


def _named(name: str) -> Query:
    from difflib import get_close_matches

    from zdtrace.analysis.catalog import library

    found = [query for query in library().values() if name in (query.full_name, query.name)]
    if len(found) == 1:
        return found[0]
    if found:
        said = ", ".join(query.full_name for query in found)
        raise UsageError(f"several queries are called `{name}`", hint=f"say which: {said}")
    names = {each for query in library().values() for each in (query.full_name, query.name)}
    near = get_close_matches(name, sorted(names), n=3)
    raise UsageError(
        f"no query is called `{name}`",
        hint=f"did you mean {', '.join(near)}?" if near else "`zdtrace queries` lists them",
    )


def _listed() -> str:
    from zdtrace.analysis.catalog import library
    from zdtrace.cli.analyzing import columns as width
    from zdtrace.reporting.layout import Column, Style, grid

    rows = [[query.full_name, query.summary] for query in sorted(library().values(), key=lambda each: each.full_name)]
    return grid([Column("QUERY"), Column("WHAT IT TELLS")], rows, width=width(), style=Style(uses_color(sys.stdout)))


def _contract(query: Query) -> str:
    """Return the fields, the columns and the SQL of a query."""
    from zdtrace.cli.analyzing import columns as width
    from zdtrace.reporting.layout import Column, Style, grid, wrapped

    style = Style(uses_color(sys.stdout))
    plain = [Column(""), Column("")]
    parts = [style.bold(query.full_name) + "\n" + "".join(line + "\n" for line in wrapped(query.summary, width()))]
    fields = [[name, text] for name, text in query.fields.items() if text]
    if fields:
        parts.append(grid(plain, fields, width=width(), style=style))
    if query.params:
        settings = [[f"{each.name}={each.default}", each.doc] for each in query.params]
        parts.append(style.bold("SETTINGS") + "\n" + grid(plain, settings, width=width(), style=style))
    if query.columns:
        heading = [Column("COLUMN"), Column("TYPE"), Column("MEANING")]
        rows = [[each.name, each.type, each.doc] for each in query.columns]
        parts.append(grid(heading, rows, width=width(), style=style))
    body = "\n".join(line for line in query.sql.splitlines() if not line.startswith("--"))
    return "\n".join([*parts, body + "\n"])


def _described(query: Query) -> dict[str, object]:
    return {
        "name": query.full_name,
        "summary": query.summary,
        "fields": dict(query.fields),
        "reads": list(query.reads),
        "settings": [
            {"name": each.name, "type": each.type, "default": each.default, "doc": each.doc}
            for each in query.params
        ],
        "columns": [{"name": each.name, "type": each.type, "doc": each.doc} for each in query.columns],
        "sql": query.sql,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
