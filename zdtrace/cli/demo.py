"""`zdtrace demo`: a real rollout, from its logs to the verdict, without a cluster."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from zdtrace.cli.analyzing import Output, shown
from zdtrace.cli.console import say
from zdtrace.errors import RecordingExists, ZdtraceError

_SAMPLE = "rollout-ingress"


def demo(
    output: Annotated[Path | None, typer.Option(
        "--output", "-o", metavar="REC", show_default=False,
        help="Where to keep the recording; a temporary folder when not said.",
    )] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the recording when it exists.")] = False,
) -> None:
    """Analyse a shipped real recording: a rollout behind nginx that lost 40 of 20 000 requests.

    Needs no cluster and no network. Imports the logs of fortio, nginx and the API server, names a cause for
    every failed request, writes report.html beside the recording, and says what to type next. Exits with 0
    although requests failed.

    Example: zdtrace demo -o demo.zdtrace
    """
    from zdtrace.analysis.findings import find
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting.drawing import Sitting, studio
    from zdtrace.reporting.files import check_free, write_text
    from zdtrace.reporting.html import as_html
    from zdtrace.reporting.language import language

    if output is not None and output.exists() and not force:
        raise RecordingExists(output)
    if output is not None:
        check_free(output.with_name("report.html"), force=force)
    recording = output or Path(tempfile.mkdtemp(prefix="zdtrace-")) / "demo.zdtrace"
    page = recording.with_name("report.html")
    again = shlex.join(["zdtrace", "report", str(recording), "-o", str(page)])
    say("a real rollout: 3 pods behind nginx, 500 requests/s for 40 s; importing …")
    with studio() as drawing:
        _import_sample(recording, force=force)
        sitting = Sitting(drawing, language("en"))
        findings = find(open_recording(recording), when_judged=sitting.begin)
        diagnosis = findings.diagnosis
        say("")
        sys.stdout.write(shown(diagnosis, Output.TABLE))
        sys.stdout.flush()
        text = as_html(findings, language("en"), command=again, sitting=sitting)
        write_text(page, text, force=force or output is None)
    say("")
    say(f"the report: {page}")
    _say_next(recording, diagnosis.causes[0].exemplars[0])


def _import_sample(recording: Path, *, force: bool) -> None:
    from zdtrace.importers.batch import import_paths
    from zdtrace.resources import folder

    with tempfile.TemporaryDirectory(prefix="zdtrace-") as scratch:
        # Copied, because what travels in a package need not be a file.
        for file in folder("sample_data").joinpath(_SAMPLE).iterdir():
            if file.name.endswith(".zst"):
                (Path(scratch) / file.name).write_bytes(file.read_bytes())
        report = import_paths([Path(scratch)], recording, force=force)
    if not report.is_complete or not report.outcomes:
        raise ZdtraceError("the shipped sample cannot be read", hint="install zdtrace again")


def _say_next(recording: Path, example: str) -> None:
    here = shlex.quote(str(recording))
    say("")
    say("next, with this recording:")
    say(f"  zdtrace explain {here} {example}")
    say(f'  zdtrace sql {here} -c "from findings.verdicts"')
    say("and with your own logs:")
    say("  zdtrace import fortio.ndjson nginx-access.log watch.ndjson --into mine.zdtrace")
    say("  zdtrace analyze mine.zdtrace")
