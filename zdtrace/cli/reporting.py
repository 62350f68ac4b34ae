"""`zdtrace report` and `zdtrace chart`: a page that settles the argument, and its pictures one by one."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.analyzing import RecordingArgument, SetOption, chosen
from zdtrace.cli.console import progress, say
from zdtrace.errors import UsageError

if TYPE_CHECKING:
    from zdtrace.analysis.diagnosis import Diagnosis, Rows
    from zdtrace.analysis.findings import Findings
    from zdtrace.reporting.drawing import Sitting
    from zdtrace.reporting.language import Language

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

    Of a folder of recordings it writes a page for each beside FILE.html, which shows the history of all of them.
    Exits with 0 when it is written, whatever it says; `zdtrace analyze` answers with its exit code.

    Example: zdtrace report rollout.zdtrace -o report.html
    """
    from zdtrace.analysis.findings import find
    from zdtrace.recording.folders import open_recordings
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting.drawing import Sitting, studio
    from zdtrace.reporting.files import check_free, write_text
    from zdtrace.reporting.language import language

    if output.suffix not in _KINDS:
        raise UsageError(
            f"`{output}`: what kind of file that is, its name does not say", hint=f"end it with {', '.join(_KINDS)}"
        )
    check_free(output, force=force)
    opened = open_recordings(recording)
    before = open_recording(baseline) if baseline is not None else None
    options = ["--baseline", str(baseline)] if baseline is not None else []
    options += ["--lang", lang] if lang is not Lang.EN else []
    options += [word for each in settings or () for word in ("--set", each)]
    is_one = len(opened) == 1 and opened[0].folder == recording
    if not is_one and output.suffix != ".html":
        raise UsageError(f"`{recording}` holds several recordings: their history is a page", hint="write FILE.html")
    pages = {output if is_one else output.with_name(f"{each.name}.html"): each for each in opened}
    if not is_one and output in pages:
        raise UsageError(f"`{output}` would be the page of a recording", hint="name it index.html")
    for path in pages:
        check_free(path, force=force)
    runs, words = [], language(lang)
    with studio() if output.suffix == ".html" else nullcontext() as drawing, progress(2 * len(pages)) as step:
        for path, each in pages.items():
            step(f"{each.name}: why requests failed")
            sitting = Sitting(drawing, words) if drawing is not None else None
            findings = find(
                each, chosen(settings), baseline=before, when_judged=sitting.begin if sitting is not None else None
            )
            step(f"{each.name}: pictures and tables")
            command = shlex.join(["zdtrace", "report", str(each.folder), "-o", str(path), *options])
            write_text(path, _written(findings, path.suffix, words, command, sitting), force=force)
            runs.append((findings, path.name))
    if not is_one:
        from zdtrace.reporting.documents import history_page

        write_text(output, history_page(runs, recording.name, words), force=force)
    say(f"{output} written" + ("" if is_one else f", with {len(pages)} pages beside it"))


def _written(findings: Findings, suffix: str, words: Language, command: str, sitting: Sitting | None) -> str:
    if suffix == ".json":
        from zdtrace.reporting.structured import as_json

        return as_json(findings.as_json())
    if suffix == ".md":
        from zdtrace.reporting.summary import as_markdown

        return as_markdown(findings.diagnosis, words)
    from zdtrace.reporting.html import as_html

    return as_html(findings, words, command=command, sitting=sitting)


def _rows(diagnosis: Diagnosis, name: str) -> dict[str, Rows]:
    """Return the rows of one picture."""
    from zdtrace.analysis.recommendation import recommend_from
    from zdtrace.reporting import advice, pictures

    return advice.rows(recommend_from([diagnosis.engine])) if name == "dose" else pictures.gathered(diagnosis, name)


def chart(
    recording: RecordingArgument,
    name: Annotated[str, typer.Argument(
        metavar="NAME", show_default=False, help="lanes, terminations, causes or dose.",
    )],
    output: Annotated[Path | None, typer.Option(
        "--output", "-o", metavar="FILE", show_default=False, help="FILE.svg or FILE.png; by default NAME.svg.",
    )] = None,
    lang: LangOption = Lang.EN,
    dark: Annotated[bool, typer.Option("--dark", help="For a dark page.")] = False,
    settings: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it exists.")] = False,
) -> None:
    """Draw one picture of the report: lanes, terminations, causes, dose.

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
    found = pictures.specifications(_rows(diagnosis, name), language(lang), name)
    if name not in found:
        raise UsageError(f"`{recording}` holds nothing that `{name}` could show")
    if path.suffix == ".svg":
        write_bytes(path, pictures.svg(found[name], is_dark=dark).encode(), force=force)
    else:
        write_bytes(path, pictures.png(found[name], is_dark=dark), force=force)
    say(f"{path} written")
