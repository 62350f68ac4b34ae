"""`zdtrace report` and `zdtrace chart`: a page that settles the argument, and its pictures one by one."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.analyzing import RecordingArgument, SetOption, chosen
from zdtrace.cli.console import say
from zdtrace.errors import UsageError

if TYPE_CHECKING:
    from zdtrace.analysis.findings import Findings

_KINDS = (".html", ".md", ".json")
_PICTURES = (".svg", ".png")


class Lang(StrEnum):
    """The language that a report is written in."""

    EN = "en"
    ZH = "zh"


LangOption = Annotated[Lang, typer.Option("--lang", help="Language: English or Simplified Chinese.")]


def report(
    recording: RecordingArgument,
    output: Annotated[Path, typer.Option(
        "--output", "-o", metavar="FILE", help="Where to write it: FILE.html, FILE.md or FILE.json.",
    )] = Path("report.html"),
    baseline: Annotated[Path | None, typer.Option(
        metavar="REC", show_default=False, help="A recording from before, to compare with.",
    )] = None,
    lang: LangOption = Lang.EN,
    settings: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it exists.")] = False,
) -> None:
    """Write a report: one page that needs no network, with the verdict, its evidence and pictures of it.

    Exits with 0 when it is written, whatever it says; `zdtrace analyze` answers with its exit code.

    Example: zdtrace report rollout.zdtrace -o report.html
    """
    from zdtrace.analysis.findings import find
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting.files import check_free, write_text

    if output.suffix not in _KINDS:
        raise UsageError(
            f"`{output}`: what kind of file that is, its name does not say", hint=f"end it with {', '.join(_KINDS)}"
        )
    check_free(output, force=force)
    opened = open_recording(recording)
    before = open_recording(baseline) if baseline is not None else None
    findings = find(opened, chosen(settings), baseline=before)
    command = ["zdtrace", "report", str(recording), "-o", str(output)]
    command += ["--baseline", str(baseline)] if baseline is not None else []
    command += ["--lang", lang] if lang is not Lang.EN else []
    command += [word for each in settings or () for word in ("--set", each)]
    write_text(output, _written(findings, output.suffix, lang, shlex.join(command)), force=force)
    say(f"{output} written")


def _written(findings: Findings, suffix: str, lang: Lang, command: str) -> str:
    from zdtrace.reporting.language import language

    if suffix == ".json":
        from zdtrace.reporting.structured import as_json

        return as_json(findings.as_json())
    if suffix == ".md":
        from zdtrace.reporting.summary import as_markdown

        return as_markdown(findings.diagnosis)
    from zdtrace.reporting.html import as_html

    return as_html(findings, language(lang), command=command)


def chart(
    recording: RecordingArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="lanes, terminations or causes.")],
    output: Annotated[Path | None, typer.Option(
        "--output", "-o", metavar="FILE", show_default=False, help="FILE.svg or FILE.png; by default NAME.svg.",
    )] = None,
    lang: LangOption = Lang.EN,
    dark: Annotated[bool, typer.Option("--dark", help="For a dark page.")] = False,
    settings: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it exists.")] = False,
) -> None:
    """Draw one picture of the report: lanes, terminations, causes.

    Example: zdtrace chart rollout.zdtrace lanes -o lanes.svg
    """
    from zdtrace.analysis.diagnosis import diagnose
    from zdtrace.charts import PICTURES
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting import pictures
    from zdtrace.reporting.files import check_free, write_bytes
    from zdtrace.reporting.language import language

    if name not in PICTURES:
        raise UsageError(f"no picture is called `{name}`", hint=f"there are {', '.join(PICTURES)}")
    path = output or Path(f"{name}.svg")
    if path.suffix not in _PICTURES:
        raise UsageError(f"`{path}`: a picture is written as {' or '.join(_PICTURES)}")
    check_free(path, force=force)
    diagnosis = diagnose(open_recording(recording), chosen(settings))
    found = pictures.specifications(diagnosis, language(lang), name)
    if name not in found:
        raise UsageError(f"`{recording}` holds nothing that `{name}` could show")
    if path.suffix == ".svg":
        write_bytes(path, pictures.svg(found[name], is_dark=dark).encode(), force=force)
    else:
        write_bytes(path, pictures.png(found[name], is_dark=dark), force=force)
    say(f"{path} written")
