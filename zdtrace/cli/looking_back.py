"""`zdtrace history`: many recordings of a workload, one after the other."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zdtrace.cli.analyzing import SetOption, chosen, columns
from zdtrace.cli.console import uses_color


class Output(StrEnum):
    """How the history is written to stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def history(
    folder: Annotated[Path, typer.Argument(
        metavar="DIR", show_default=False, help="A folder of recordings, as campaigns and schedules leave them.",
    )],
    output: Annotated[Output, typer.Option("--output", "-o", help="How to write it.")] = Output.TABLE,
    workload: Annotated[str | None, typer.Option(
        metavar="[NS/]KIND/NAME", show_default=False, help="Which workload; by default the one that lost most.",
    )] = None,
    namespace: Annotated[str | None, typer.Option(
        "--namespace", "-n", show_default=False, help="Only workloads of this namespace.",
    )] = None,
    settings: SetOption = None,
) -> None:
    """Show many recordings of a workload in the order of time: what failed, why, and how long the path took.

    Exit codes: 0 shown, 2 wrong use.

    Example: zdtrace history runs -o json
    """
    from zdtrace.analysis.history import history as judge
    from zdtrace.recording.folders import open_recordings
    from zdtrace.reporting import history as report
    from zdtrace.reporting import structured
    from zdtrace.reporting.layout import Style

    found = judge(open_recordings(folder), workload=workload, namespace=namespace, settings=chosen(settings))
    if output is Output.JSON:
        sys.stdout.write(structured.as_json(found.as_json()))
    elif output is Output.YAML:
        sys.stdout.write(structured.as_yaml(found.as_json()))
    else:
        sys.stdout.write(report.table(found, width=columns(), style=Style(uses_color(sys.stdout))))
