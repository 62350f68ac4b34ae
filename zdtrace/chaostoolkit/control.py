"""A control of Chaos Toolkit: records around an experiment, marks each activity, puts the verdict in the journal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from zdtrace.chaostoolkit import recording
from zdtrace.chaostoolkit.recording import logger
from zdtrace.errors import ZdtraceError

_began_ns: dict[str, int] = {}


def before_experiment_control(context: dict[str, Any], secrets: dict[str, Any] | None = None, **arguments: Any) -> None:
    """Begin to record; the control's arguments are those of the action `start_recording`, and `report`.

    An experiment without evidence is not worth its damage: what keeps us from recording ends it.
    """
    from chaoslib.exceptions import InterruptExecution

    arguments.pop("report", None)
    try:
        recording.begin(**arguments, secrets=secrets)
    except (ZdtraceError, TypeError) as error:
        raise InterruptExecution(f"zdtrace cannot record `{context.get('title')}`: {_words(error)}") from error


def before_method_control(**_: Any) -> None:
    """Note that something happens from now on."""
    running = recording.current()
    if running is not None:
        running.has_acted = True


def before_activity_control(context: dict[str, Any], **_: Any) -> None:
    """Note when an activity begins."""
    _began_ns[str(context.get("name"))] = time.time_ns()


def after_activity_control(context: dict[str, Any], **_: Any) -> None:
    """Mark the activity in the recording: what it did is seen beside what came of it."""
    running = recording.current()
    began_ns = _began_ns.pop(str(context.get("name")), None)
    if running is not None and running.scene is not None and running.thread is not None and began_ns is not None:
        running.scene.mark(f"{context.get('type', 'activity')}: {context.get('name')}", began_ns, time.time_ns())


def after_experiment_control(state: dict[str, Any], report: str | None = None, **_: Any) -> None:
    """End the recording, and add `zdtrace` to the journal: the JSON of `zdtrace analyze`, and the recording's path."""
    running = recording.current()
    if running is None:
        return
    try:
        diagnosis = recording.end(running)
        state["zdtrace"] = {**diagnosis.as_json(), "path": str(running.path)}
        if report is not None:
            state["zdtrace"]["report"] = _reported(running.path, Path(report))
    except ZdtraceError as error:
        logger.error(f"zdtrace: {_words(error)}")
        state["zdtrace"] = {"error": error.message, "path": str(running.path)}
    finally:
        recording.forget()


def _reported(path: Path, report: Path) -> str:
    from zdtrace.analysis.findings import find
    from zdtrace.recording.store import open_recording
    from zdtrace.reporting.files import write_text
    from zdtrace.reporting.html import as_html
    from zdtrace.reporting.language import language

    again = f"zdtrace report {path} -o {report}"
    write_text(report, as_html(find(open_recording(path)), language("en"), command=again), force=True)
    return str(report)


def _words(error: Exception) -> str:
    if isinstance(error, ZdtraceError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return str(error)
