"""`zdtrace diff`: two runs side by side."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.analyzing import FAILURES, INCONCLUSIVE, SetOption, chosen, columns
from zdtrace.cli.console import progress, uses_color
from zdtrace.cli.reporting import Lang, LangOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zdtrace.analysis.comparison import Comparison
    from zdtrace.analysis.diagnosis import Diagnosis


class Output(StrEnum):
    """How the comparison is written to stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    MARKDOWN = "markdown"
    HTML = "html"


def diff(
    before: Annotated[Path, typer.Argument(
        metavar="BEFORE", show_default=False, help="A recording, or a folder of recordings that add up.",
    )],
    after: Annotated[Path, typer.Argument(
        metavar="AFTER", show_default=False, help="A recording, or a folder of recordings.",
    )],
    output: Annotated[Output, typer.Option("--output", "-o", help="How to write it.")] = Output.TABLE,
    lang: LangOption = Lang.EN,
    settings: SetOption = None,
) -> None:
    """Compare two runs: what was lost, to which causes, how fast, and how much of the change may be chance.

    Shares have 95 % intervals, their difference Fisher's exact test. Requests of one rollout fail together, so it
    is the number of rollouts that says what the next one will do: they are counted apart.

    Exit codes: 0 the second run lost no larger share, 1 it lost a larger share by more than chance, 2 wrong use,
    3 inconclusive.

    Example: zdtrace diff before.zdtrace after.zdtrace
    """
    from zdtrace.analysis.comparison import compare

    chosen_settings = chosen(settings)
    comparison = compare(_diagnoses(before, chosen_settings), _diagnoses(after, chosen_settings))
    sys.stdout.write(_shown(comparison, output, lang))
    if comparison.change == "inconclusive":
        raise typer.Exit(INCONCLUSIVE)
    if comparison.change == "worse":
        raise typer.Exit(FAILURES)


def _shown(comparison: Comparison, output: Output, lang: Lang) -> str:
    from zdtrace.reporting import comparison as report
    from zdtrace.reporting import structured
    from zdtrace.reporting.language import language
    from zdtrace.reporting.layout import Style

    if output is Output.JSON:
        return structured.as_json(comparison.as_json())
    if output is Output.YAML:
        return structured.as_yaml(comparison.as_json())
    if output is Output.HTML:
        from zdtrace.reporting.documents import comparison_page

        return comparison_page(comparison, language(lang))
    if output is Output.MARKDOWN:
        return report.as_markdown(comparison, language(lang))
    return report.table(comparison, width=columns(), style=Style(uses_color(sys.stdout)))


def _diagnoses(path: Path, settings: Mapping[str, str]) -> list[Diagnosis]:
    from zdtrace.analysis.diagnosis import diagnose
    from zdtrace.recording.folders import open_recordings

    found = []
    opened = open_recordings(path)
    with progress(len(opened)) as step:
        for recording in opened:
            step(recording.name)
            found.append(diagnose(recording, settings))
    return found
