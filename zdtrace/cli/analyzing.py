"""`zdtrace analyze` and `zdtrace explain`: why requests failed, all of them and one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.console import say, uses_color
from zdtrace.errors import UsageError

if TYPE_CHECKING:
    from zdtrace.analysis.diagnosis import Diagnosis
    from zdtrace.analysis.limits import Limit

FAILURES, INCONCLUSIVE = 1, 3
NOTHING_LOST = "failed>0"

RecordingArgument = Annotated[Path, typer.Argument(
    metavar="REC", help="Recording that `zdtrace import` or `zdtrace record` made.", show_default=False,
)]
SetOption = Annotated[list[str] | None, typer.Option(
    "--set", metavar="NAME=VALUE",
    help="Overrule a setting of the queries, as clock_bound_ms=5. May be repeated.",
)]
FailOnOption = Annotated[list[str] | None, typer.Option(
    metavar="LIMIT", show_default=False,
    help="Exit with 1 only over this limit: failed>0, failed_ratio>0.001, cause:NAME>0, tier:U>5%; a number or a "
    "share as 0.1% of failed requests. May be repeated; any one counts.",
)]


class Output(StrEnum):
    """How the verdict is written to stdout."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    MARKDOWN = "markdown"


class StoryOutput(StrEnum):
    """How the story of one request is written to stdout."""

    TEXT = "text"
    JSON = "json"


def analyze(
    recording: RecordingArgument,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to write it.")] = Output.TABLE,
    per_request: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Write a row a failed request, too: FILE.ndjson, FILE.csv or FILE.parquet.",
        show_default=False,
    )] = None,
    junit: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Write JUnit XML, too: a test case a workload and cause.", show_default=False,
    )] = None,
    sarif: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Write SARIF, too: a result a workload and cause.", show_default=False,
    )] = None,
    manifest: Annotated[Path | None, typer.Option(
        metavar="YAML", help="The workload's manifest: results in SARIF point at its lines.", show_default=False,
    )] = None,
    fail_on: FailOnOption = None,
    settings: SetOption = None,
    force: Annotated[bool, typer.Option(
        "--force", help="Replace the files of --per-request, --junit and --sarif when they exist.",
    )] = False,
) -> None:
    """Name a cause for every failed request, with the evidence and the doubt.

    Exit codes: 0 nothing lost, 1 requests failed, 2 wrong use, 3 inconclusive: nothing is seen to have
    failed, but something that could tell is missing.

    Example: zdtrace analyze rollout.zdtrace --per-request verdicts.csv
    """
    from zdtrace.analysis.diagnosis import diagnose
    from zdtrace.analysis.limits import limits
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting.files import check_free, write_text
    from zdtrace.reporting.junit import as_junit
    from zdtrace.reporting.manifests import places
    from zdtrace.reporting.per_request import check_name, write
    from zdtrace.reporting.sarif import as_sarif

    allowed = limits(fail_on or [NOTHING_LOST])
    if per_request is not None:
        check_name(per_request, force=force)
    for file in filter(None, (junit, sarif)):
        check_free(file, force=force)
    if manifest is not None and sarif is None:
        raise UsageError("`--manifest` is for SARIF", hint="add --sarif FILE")
    lines = places(manifest) if manifest is not None else {}
    diagnosis = diagnose(open_recording(recording), chosen(settings))
    if per_request is not None:
        write(diagnosis, per_request, force=force)
        say(f"{diagnosis.requests.failed} rows written to {per_request}")
    if junit is not None:
        write_text(junit, as_junit(diagnosis), force=force)
    if sarif is not None:
        write_text(sarif, as_sarif(diagnosis, lines), force=force)
    sys.stdout.write(shown(diagnosis, output))
    if output is Output.TABLE and sys.stdout.isatty():
        suggest(diagnosis, recording)
    leave(diagnosis, allowed)


def leave(diagnosis: Diagnosis, allowed: Sequence[Limit]) -> None:
    """End with the exit code of a verdict: 3 when it is inconclusive, 1 when it breaks a limit."""
    if diagnosis.verdict == "inconclusive":
        raise typer.Exit(INCONCLUSIVE)
    broken = [limit for limit in allowed if limit.is_over(diagnosis)]
    if broken:
        if [limit.text for limit in allowed] != [NOTHING_LOST]:
            say(f"over the limit of --fail-on {', '.join(limit.text for limit in broken)}")
        raise typer.Exit(FAILURES)
    if diagnosis.verdict == "fail":
        say(f"within the limit of --fail-on {', '.join(limit.text for limit in allowed)}")


def shown(diagnosis: Diagnosis, output: Output) -> str:
    """Return the diagnosis as `-o` asks for it."""
    from zdtrace.reporting import structured, summary, terminal
    from zdtrace.reporting.layout import Style

    if output is Output.MARKDOWN:
        return summary.as_markdown(diagnosis)
    if output is Output.JSON:
        return structured.as_json(diagnosis.as_json())
    if output is Output.YAML:
        return structured.as_yaml(diagnosis.as_json())
    if output is Output.NAME:
        return terminal.names(diagnosis)
    return terminal.table(
        diagnosis, width=columns(), is_wide=output is Output.WIDE, style=Style(uses_color(sys.stdout))
    )


def columns() -> int:
    """Return how wide the terminal is; 80 when nobody says."""
    return max(shutil.get_terminal_size().columns, 40)


def suggest(diagnosis: Diagnosis, recording: Path) -> None:
    """Say what to look at next."""
    example = next((each for cause in diagnosis.causes for each in cause.exemplars), None)
    if example:
        say("")
        say(f"next: zdtrace explain {recording} {example}")


def chosen(settings: list[str] | None) -> dict[str, str]:
    """Read `--set NAME=VALUE`, each name once."""
    found: dict[str, str] = {}
    for each in settings or ():
        name, is_pair, value = each.partition("=")
        if not is_pair or not name or not value:
            raise UsageError(f"`--set {each}` is no NAME=VALUE", hint="write it as --set clock_bound_ms=5")
        if name in found:
            raise UsageError(f"`--set` names `{name}` twice", hint="give it one value")
        found[name] = value
    return found


def explain(
    recording: RecordingArgument,
    request: Annotated[str, typer.Argument(
        metavar="REQUEST", show_default=False,
        help="The request's `source:line` as in --per-request, the end of that, or its id in the logs.",
    )],
    output: Annotated[
        StoryOutput, typer.Option("--output", "-o", help="How to write it.")
    ] = StoryOutput.TEXT,
    settings: SetOption = None,
) -> None:
    """Tell the story of one failed request: what it met, what happened around it, why the verdict.

    Times count from the start of the request (T), on the recorder's clock; ± MS is how far each may be off.

    Example: zdtrace explain rollout.zdtrace fortio.ndjson:5362
    """
    from zdtrace.analysis.story import tell
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting import story, structured
    from zdtrace.reporting.layout import Style

    told = tell(open_recording(recording), request, chosen(settings))
    if output is StoryOutput.JSON:
        sys.stdout.write(structured.as_json(told.as_json()))
    else:
        sys.stdout.write(story.text(told, width=columns(), style=Style(uses_color(sys.stdout))))
