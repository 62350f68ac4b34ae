"""`zdtrace import`: files of load tests, proxies and clusters into a recording."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.console import say
from zdtrace.errors import UsageError

if TYPE_CHECKING:
    from zdtrace.importers.batch import Outcome, Report

LEFT_OUT = 2
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_SECONDS_TO_NS = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}
_OFFSET = r"[+-]\d\d:?\d\d"
_ISO = re.compile(
    r"(\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d(?::?\d\d)?)(?:[.,](\d{1,9}))?(Z|[+-]\d\d(?::?\d\d)?)?"
)
_CLOCK = re.compile(r"(client|recorder|apiserver|proxy|node)(/[\w.-]+)?")


class Output(StrEnum):
    """What is written to stdout."""

    JSON = "json"


def import_(
    files: Annotated[list[Path], typer.Argument(
        metavar="FILE-OR-FOLDER", show_default=False,
        help="Files to import. Of a folder every file below it; hidden files and recordings are passed over.",
    )],
    into: Annotated[Path, typer.Option(
        "--into", metavar="REC", help="Recording to add to; made when it is not there.", show_default=False,
    )],
    format_: Annotated[str | None, typer.Option(
        "--format", metavar="NAME", help="What the files are, when their content does not tell.",
    )] = None,
    columns: Annotated[str | None, typer.Option(
        metavar="start=…,latency=…", help="Which columns hold what, for files that no format fits: "
        "start=ts:epoch_ms,latency=took:ms,status=code.",
    )] = None,
    started_at: Annotated[str | None, typer.Option(
        metavar="TIME", help="When the run began, for logs that count from their start: "
        "2026-11-23T16:17:03.25+01:00, or seconds since 1970.",
    )] = None,
    time_zone: Annotated[str | None, typer.Option(
        metavar="ZONE", help="Zone of times that are written without one: UTC, Europe/Berlin, +02:00.",
    )] = None,
    year: Annotated[int | None, typer.Option(
        metavar="N", help="Year of the first line, for logs that write none (klog).",
    )] = None,
    log_format: Annotated[str | None, typer.Option(
        metavar="STRING", help="nginx' log_format, as its configuration or ConfigMap has it.",
    )] = None,
    clock: Annotated[str | None, typer.Option(
        metavar="NAME",
        help="Whose clock wrote the times: client, recorder, apiserver, proxy/NAME, node/NAME.",
    )] = None,
    keep: Annotated[list[str] | None, typer.Option(
        metavar="WHAT",
        help="Keep a value that is masked otherwise: env:NAME, configmap:NAME/KEY, annotation:NAME. "
        "May be repeated.",
    )] = None,
    drop: Annotated[list[str] | None, typer.Option(
        metavar="WHAT",
        help="Drop more of the cluster's objects: annotations, labels, or a path as spec.volumes. "
        "May be repeated.",
    )] = None,
    force: Annotated[bool, typer.Option(
        "--force", help="Replace the recording instead of adding to it.",
    )] = False,
    output: Annotated[Output | None, typer.Option(
        "--output", "-o", help="Write the report to stdout.", show_default=False,
    )] = None,
) -> None:
    """Take files of other tools into a recording: load tests, proxy logs, cluster watches, audit logs.

    What each file is, its content tells. Nothing is left out quietly: stderr says for each file what it was
    taken for, how many rows came of it, how many lines could not be read. The same file twice is taken once.

    Exit code 0: everything was taken. 2: something was left out; the rest is in the recording.

    Example: zdtrace import results/ nginx.log --into rollout.zdtrace
    """
    from zdtrace.importers.base import Options
    from zdtrace.importers.batch import import_paths

    options = Options(
        columns=_columns(columns),
        started_at_ns=_instant_ns(started_at, time_zone),
        time_zone=_zone(time_zone),
        year=_year(year),
        log_format=log_format,
        keep=frozenset(keep or ()),
        drop=frozenset(drop or ()),
    )
    report = import_paths(
        files, into, format=format_, options=options, force=force, clock=_clock(clock), tell=_tell
    )
    if output is Output.JSON:
        sys.stdout.write(json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n")
    if columns and not any(outcome.format == "columns" for outcome in report.outcomes):
        say("note: --columns was not used: each file has a format of its own; --format columns insists on it")
    _sum_up(report)


def _sum_up(report: Report) -> None:
    """Say what is missing, if anything. Raises Exit then."""
    left_out = sum(outcome.is_left_out for outcome in report.outcomes)
    in_part = sum(outcome.is_left_out and outcome.source is not None for outcome in report.outcomes)
    if report.tried:
        say(f"no importer knows some of them; asked were {', '.join(report.tried)}")
        say("  hint: name it with --format NAME, or describe a table: --columns start=…,latency=…,status=…")
    if not report.outcomes:
        say("nothing to import: no files found")
        raise typer.Exit(LEFT_OUT)
    if left_out == len(report.outcomes) and not in_part:
        say(f"nothing was imported into `{report.recording}`")
    elif left_out:
        part = f", {in_part} of them in part" if in_part else ""
        say(f"{left_out} of {len(report.outcomes)} files left out{part}; the rest is in `{report.recording}`")
    if left_out:
        raise typer.Exit(LEFT_OUT)


def _tell(outcome: Outcome) -> None:
    """Say on stderr what became of a file."""
    say(f"{outcome.path}: {_words(outcome)}")
    if outcome.source is not None and outcome.result == "taken":
        for note in outcome.source.notes:
            say(f"  note: {note}")
        for reason, count in outcome.source.reject_reasons.items():
            say(f"  {count:,} rejected: {reason}")
    if outcome.source is not None and outcome.message:
        say(f"  {outcome.message}")
    if outcome.hint and (outcome.is_left_out or outcome.source is not None):
        say(f"  hint: {outcome.hint}")


def _words(outcome: Outcome) -> str:
    source = outcome.source
    if source is None:
        taken_for = f"{outcome.title}: " if outcome.title else ""
        return f"{outcome.result}: {taken_for}{outcome.message}"
    if outcome.result == "repeat":
        return f"in the recording already, as `{source.name}`"
    tables = ", ".join(f"{rows:,} {table}" for table, rows in source.rows_by_table.items()) or "no rows"
    rejects = f", {source.rejects:,} rejects" if source.rejects else ""
    return f"{outcome.title}: {tables}{rejects}"


def _columns(text: str | None) -> dict[str, str]:
    """Read `start=ts,latency=took`."""
    found: dict[str, str] = {}
    for part in (text or "").split(",") if text is not None else ():
        name, is_pair, column = (piece.strip() for piece in part.partition("="))
        if not (name and is_pair and column):
            raise UsageError(
                f"`--columns {text}` is not understood: `{part.strip()}` is no NAME=COLUMN",
                hint="write it as --columns start=COLUMN:epoch_ms,latency=COLUMN:ms,status=COLUMN",
            )
        if name in found:
            raise UsageError(f"`--columns` names `{name}` twice", hint="give each name one column")
        found[name] = column
    return found


def _instant_ns(text: str | None, zone: str | None) -> int | None:
    """Read an ISO time or a number since 1970 (s, ms, us or ns by its digits) as ns since 1970 UTC."""
    if text is None:
        return None
    hint = "write it as 2026-11-23T16:17:03.25+01:00, or as seconds since 1970"
    if number := re.fullmatch(r"(\d{9,19})(\.\d+)?", text):
        digits = len(number[1])
        scale = next((scale for size, scale in _SECONDS_TO_NS.items() if digits <= size), 1)
        found = int(Decimal(text) * scale)
    else:
        found = _iso_ns(text, zone, hint)
    if not _EARLIEST.timestamp() * 1e9 <= found <= _LATEST.timestamp() * 1e9:
        raise UsageError(f"`--started-at {text}` is outside 2000 to 2100", hint=hint)
    return found


def _iso_ns(text: str, zone: str | None, hint: str) -> int:
    # `datetime` stops at microseconds: the fraction is read by hand.
    parts = _ISO.fullmatch(text)
    if parts is None:
        raise UsageError(f"`--started-at {text}` is no time", hint=hint)
    if parts[3] is None and zone is None:
        raise UsageError(
            f"`--started-at {text}` has no zone", hint="add Z or an offset to it, or say --time-zone"
        )
    try:
        moment = datetime.fromisoformat(parts[1] + (parts[3] or ""))
        if parts[3] is None and zone is not None:
            moment = moment.replace(tzinfo=_zone_info(zone))
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        raise UsageError(f"`--started-at {text}` is no time", hint=hint) from None
    return seconds * 10**9 + int((parts[2] or "").ljust(9, "0"))


def _zone_info(zone: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    if re.fullmatch(_OFFSET, zone):
        found = datetime.strptime(zone, "%z").tzinfo
        assert found is not None  # noqa: S101 - %z has set it
        return found
    try:
        return ZoneInfo(zone)
    except (OSError, ValueError, KeyError):
        raise UsageError(
            f"no time zone is called `{zone}`",
            hint="use UTC, an offset as +02:00, or a name as Europe/Berlin",
        ) from None


def _zone(zone: str | None) -> str | None:
    if zone is not None:
        _zone_info(zone)
    return zone


def _year(year: int | None) -> int | None:
    if year is not None and not _EARLIEST.year <= year < _LATEST.year:
        raise UsageError(f"`--year {year}` is outside 2000 to 2099", hint="write all four digits")
    return year


def _clock(clock: str | None) -> str | None:
    if clock is not None and not _CLOCK.fullmatch(clock):
        raise UsageError(
            f"`--clock {clock}` is no clock we know",
            hint="use client, recorder, apiserver, proxy/NAME or node/NAME",
        )
    return clock
