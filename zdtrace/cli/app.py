"""The `zdtrace` command: its options, and the table of its commands, each imported when it is called."""

from __future__ import annotations

import copy
import importlib
import io
import os
import sys
from pathlib import Path, PurePath
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from zdtrace import __version__
from zdtrace.cli import console
from zdtrace.cli.errors import BROKEN_PIPE, WRONG_USE, answer, let_go_of_stdout
from zdtrace.errors import RecordingUnfinished

PROGRAM = "zdtrace"


class Entry(NamedTuple):
    """A command: its name, the function that is it, how the function's docstring begins, and commands below it."""

    name: str
    module: str
    function: str
    summary: str
    commands: tuple[Entry, ...] = ()


CHAOS = (
    Entry("init", "zdtrace.cli.chaos", "init", "Write an experiment's file"),
    Entry("plan", "zdtrace.cli.chaos", "plan", "Show exactly what an experiment would do now"),
    Entry("run", "zdtrace.cli.chaos", "run", "Run an experiment"),
    Entry("undo", "zdtrace.cli.chaos", "undo", "Undo what an experiment did"),
    Entry("list", "zdtrace.cli.chaos", "list_", "List the runs of a folder"),
)

COMMANDS = (
    Entry("record", "zdtrace.cli.recording", "record", "Record a cluster while a load test runs"),
    Entry("probe", "zdtrace.cli.probing", "probe", "Send requests at fixed times and log each"),
    Entry("import", "zdtrace.cli.importing", "import_", "Take files of other tools into a recording"),
    Entry("analyze", "zdtrace.cli.analyzing", "analyze", "Name a cause for every failed request"),
    Entry("explain", "zdtrace.cli.analyzing", "explain", "Tell the story of one failed request"),
    Entry("report", "zdtrace.cli.reporting", "report", "Write a report: one page that needs no network"),
    Entry("chart", "zdtrace.cli.reporting", "chart", "Draw one picture of the report"),
    Entry("recommend", "zdtrace.cli.recommending", "recommend", "Tell how long preStop must sleep"),
    Entry("prove", "zdtrace.cli.proving", "prove", "Prove that rollouts lose nothing"),
    Entry("diff", "zdtrace.cli.comparing", "diff", "Compare two runs"),
    Entry("history", "zdtrace.cli.looking_back", "history", "Show many recordings of a workload"),
    Entry("chaos", "zdtrace.cli.chaos", "chaos", "Replace pods on purpose", CHAOS),
    Entry("sql", "zdtrace.cli.querying", "sql", "Open a recording in DuckDB"),
    Entry("queries", "zdtrace.cli.querying", "queries", "List the library of SQL"),
    Entry("doctor", "zdtrace.cli.doctoring", "doctor", "Tell whether the evidence will be there"),
    Entry("rbac", "zdtrace.cli.granting", "rbac", "Print the least rights that recording needs"),
    Entry("demo", "zdtrace.cli.demo", "demo", "Analyse a shipped real recording"),
)
"""Every command, in the order of `--help`. To add one, write its function and its line here."""

EXAMPLE = "zdtrace import fortio.ndjson nginx-access.log watch.ndjson --into rollout.zdtrace"


class Command(TyperCommand):
    """A command whose help ends with the example that its docstring ends with."""

    def __init__(self, **attributes: Any) -> None:
        body, _, example = (attributes["help"] or "").rpartition("\n\nExample:")
        super().__init__(**{**attributes, "help": body, "epilog": example.strip()})

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the example."""
        _write_example(self.epilog, ctx, formatter)


class Section(TyperGroup):
    """A command that has commands, with help as a command's."""

    def __init__(self, **attributes: Any) -> None:
        body, _, example = (attributes["help"] or "").rpartition("\n\nExample:")
        super().__init__(**{**attributes, "help": body, "epilog": example.strip()})

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the example."""
        _write_example(self.epilog, ctx, formatter)


class Deferred(TyperCommand):
    """A name and a summary; the command itself is imported when it is called."""

    def __init__(self, entry: Entry, options: list[Any]) -> None:
        super().__init__(entry.name, short_help=entry.summary)
        self._entry = entry
        self._options = options

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of the command itself."""
        return self.load().make_context(info_name, args, parent, **extra)

    def load(self) -> Command | Section:
        """Import the command. It takes zdtrace's own options too, so that they may stand anywhere."""
        app = _typer(add_completion=False)
        function = getattr(importlib.import_module(self._entry.module), self._entry.function)
        if self._entry.commands:
            app.callback(cls=Section)(function)
        else:
            app.command(self._entry.name, cls=Command)(function)
        command = typer.main.get_command(app)
        assert isinstance(command, Command | Section)  # noqa: S101 - `cls` above
        if isinstance(command, Section):
            for each in self._entry.commands:
                command.add_command(Deferred(each, self._options))
        for option in self._options:
            hidden = copy.copy(option)
            hidden.hidden = True
            command.params.append(hidden)
        return command


class Group(TyperGroup):
    """`zdtrace` itself."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        own = list(self.params)
        for entry in COMMANDS:
            self.add_command(Deferred(entry, own))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the command."""
        if not args and not ctx.resilient_parsing:
            # No command was meant by that, and 0 would mean "nothing lost".
            sys.stderr.write(ctx.get_help() + "\n")
            ctx.exit(WRONG_USE)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the example."""
        _write_example(EXAMPLE, ctx, formatter)


def _write_example(example: str | None, ctx: Any, formatter: Any) -> None:
    """Write an example as it can be pasted: never wrapped, and with the name that we were called by."""
    if example:
        program = ctx.find_root().info_name or PROGRAM
        with formatter.section("Example"):
            formatter.write(f"  {program}{example.removeprefix(PROGRAM)}\n")


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"{PROGRAM} {__version__}\n")
        raise typer.Exit


def _refuse_color(wanted: bool) -> None:
    if wanted:
        console.refuse_color()


def _log(wanted: bool) -> None:
    if wanted:
        console.log_to_stderr()


def options(
    version: Annotated[bool, typer.Option(
        "--version", callback=_show_version, is_eager=True, expose_value=False, help="Show the version.",
    )] = False,
    debug: Annotated[bool, typer.Option(
        "--debug", expose_value=False, help="Show the traceback of an error.",
    )] = False,
    no_color: Annotated[bool, typer.Option(
        "--no-color", callback=_refuse_color, expose_value=False, help="No colours, as with NO_COLOR=1.",
    )] = False,
    verbose: Annotated[bool, typer.Option(
        "--verbose", "-v", callback=_log, expose_value=False, help="Say on stderr what is being done.",
    )] = False,
) -> None:
    """Tell why HTTP requests failed while Kubernetes replaced pods, and what would have prevented it.

    Exit codes: 0 nothing lost, 1 failures found, 2 wrong use, 3 inconclusive, 4 the cluster's API failed,
    130 interrupted.
    """


def _typer(*, add_completion: bool) -> typer.Typer:
    # Without markup mode typer writes plain help, as kubectl does, and does not import rich for it.
    settings = {"help_option_names": ["-h", "--help"]}
    return typer.Typer(rich_markup_mode=None, add_completion=add_completion, context_settings=settings)


def make_group(*, is_plugin: bool = False) -> Group:
    """Return the whole command line. A plugin of kubectl is completed by kubectl, not by us."""
    app = _typer(add_completion=not is_plugin)
    app.callback(cls=Group)(options)
    group = typer.main.get_command(app)
    assert isinstance(group, Group)  # noqa: S101 - `cls` above
    return group


def run(argv: list[str]) -> int:
    """Run a command line, the program's name first, and return its exit code."""
    program = "kubectl zdtrace" if PurePath(argv[0]).name.startswith("kubectl-") else PROGRAM
    ours = argv[: argv.index("--")] if "--" in argv else argv
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name need not be text in any encoding.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _invoke_repairing(make_group(is_plugin=program != PROGRAM), program, argv[1:])
    except (Exception, KeyboardInterrupt) as error:
        code = answer(error, debug="--debug" in ours)
    return code if let_go_of_stdout() else BROKEN_PIPE


def _invoke_repairing(group: Group, program: str, arguments: list[str]) -> int:
    """Invoke a command; when it opens a recording that was cut off, repair that and invoke it again."""
    repaired: set[Path] = set()
    while True:
        try:
            return _invoke(group, program, arguments)
        except RecordingUnfinished as found:
            if found.path in repaired:
                raise
            from zdtrace.sessions.closing import repair

            repaired.add(found.path)
            repair(found.path, console.say)


def _invoke(group: Group, program: str, arguments: list[str]) -> int:
    if "_ZDTRACE_COMPLETE" in os.environ:
        group.main(arguments, prog_name=program)  # answers the shell that asks for completions, and exits
    with group.make_context(program, arguments) as context:
        group.invoke(context)
    return 0
