"""`zdtrace probe`: a load test for those who have none."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.errors import RecordingError, UsageError

if TYPE_CHECKING:
    from zdtrace.collectors.probing import Lane, Prober, Sent

FAILED = 1
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([\x20-\x7e]*)")
_METHOD = re.compile(r"[A-Z]{3,10}")
_CANARY = "canary"
_LOOK_EVERY_S = 0.5


class Connections(StrEnum):
    """On which connections requests are sent."""

    BOTH = "both"
    NEW = "new"
    REUSED = "reused"


def probe(
    url: Annotated[str, typer.Argument(metavar="URL", help="What to ask for, again and again.", show_default=False)],
    rate: Annotated[float, typer.Option(metavar="N", help="Requests a second.")] = 50.0,
    for_: Annotated[str | None, typer.Option(
        "--for", "-t", metavar="TIME", help="How long, 60s or 5m; until Ctrl-C when not said.",
    )] = None,
    connections: Annotated[Connections, typer.Option(
        help="A new connection for each request, connections that are used again, or both in turn.",
    )] = Connections.BOTH,
    log: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Write a line for each request; `import` reads it.",
    )] = None,
    canary: Annotated[str | None, typer.Option(
        metavar="URL", help="A second path that the cluster has no part in, for telling the client's own trouble.",
    )] = None,
    canary_rate: Annotated[float, typer.Option(metavar="N", help="Requests a second to the canary.")] = 10.0,
    method: Annotated[str, typer.Option("--method", "-X", metavar="NAME", help="HTTP method.")] = "GET",
    header: Annotated[list[str] | None, typer.Option(
        "--header", "-H", metavar="NAME:VALUE", help="Header to send. May be repeated.",
    )] = None,
    body: Annotated[str | None, typer.Option("--body", "-d", metavar="TEXT", help="Body to send.")] = None,
    id_header: Annotated[str, typer.Option(
        metavar="NAME", help="Header that carries each request's own id: have the proxy log it.",
    )] = "X-Request-ID",
    timeout: Annotated[str, typer.Option(metavar="TIME", help="For a whole request.")] = "10s",
    resolve: Annotated[str | None, typer.Option(
        metavar="IP", help="Connect to this address; the URL's host stays in the request.",
    )] = None,
    insecure: Annotated[bool, typer.Option("--insecure", "-k", help="Do not check certificates.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary.")] = False,
    as_canary: Annotated[bool, typer.Option("--as-canary", hidden=True)] = False,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
) -> None:
    """Send requests at fixed times and log each, whatever becomes of those before it.

    Each has an id in a header, and the time at which it was to be sent beside that at which it was: latencies count
    from the former, so a client that falls behind hides nothing. Nothing is retried, no redirect is followed. Requests
    on new and on reused connections are told apart: they fail for different reasons.

    Exit code: 0 nothing failed, 1 requests failed, 2 wrong use.

    Example: zdtrace probe http://example.com/demo --rate 50 --for 60s --log probe.ndjson
    """
    from zdtrace.collectors.probing import MOST_A_SECOND, NEW, REUSED, Prober, Target
    from zdtrace.spans import span_s

    for option, value in (("--rate", rate), ("--canary-rate", canary_rate)):
        if not 0 < value <= MOST_A_SECOND:
            raise UsageError(f"`{option} {value:g}` is not between 0 and {MOST_A_SECOND:g}")
    timeout_s, for_s = span_s(timeout, "--timeout"), None if for_ is None else span_s(for_, "--for")
    if timeout_s <= 0:
        raise UsageError(f"`--timeout {timeout}` leaves no time", hint="write it as 10s")
    if not _METHOD.fullmatch(method):
        raise UsageError(f"`--method {method}` is no method", hint="write it as GET or POST")
    lanes = {"new": (NEW,), "reused": (REUSED,)}.get(connections.value, (NEW, REUSED))
    target = Target(
        url=url, method=method, headers=_headers(header or (), id_header), body=None if body is None else body.encode(),
        timeout_s=timeout_s, address=resolve, id_header=id_header, is_verified=not insecure, is_canary=as_canary,
    )
    kept = _Kept(log)
    probers = [Prober(target, rate, kept.take, lanes=lanes, for_s=for_s)]
    if canary is not None:
        other = Target(url=canary, timeout_s=timeout_s, id_header=id_header, is_verified=not insecure, is_canary=True)
        probers.append(Prober(other, canary_rate, kept.take, lanes=lanes, for_s=for_s))
    with kept:
        _run(probers, parent)
    if not quiet:
        sys.stdout.write(_summary(kept.lanes))
    if kept.failure is not None:
        raise RecordingError(f"`{log}` could not be written: {kept.failure.strerror}", hint="is the disk full?")
    raise typer.Exit(FAILED if any(lane.failed for name, lane in kept.lanes.items() if _CANARY not in name) else 0)


class _Kept:
    """The log, and what the summary counts."""

    def __init__(self, log: Path | None) -> None:
        self.lanes: dict[str, Lane] = {}
        self.failure: OSError | None = None
        self._lock = threading.Lock()
        try:
            # Lines are handed on one by one: what was seen survives whatever ends us.
            self._file = log.open("w", encoding="utf-8", buffering=1) if log else None
        except OSError as error:
            raise RecordingError(f"`{log}` cannot be written: {error.strerror}") from error

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()

    def take(self, sent: Sent) -> None:
        from zdtrace.collectors.probing import Lane

        name = f"{_CANARY}, {sent.lane}" if sent.is_canary else sent.lane
        with self._lock:
            self.lanes.setdefault(name, Lane()).add(sent)
            if self._file is not None and not self._file.closed and self.failure is None:
                try:
                    self._file.write(sent.as_line())
                except OSError as error:
                    self.failure = error


def _run(probers: list[Prober], parent: int | None) -> None:
    """Run them to their end; Ctrl-C and SIGTERM end the sending, a second one the waiting too.

    `parent` is the process that started us: when it is killed, nobody else would end the sending.
    """
    told = 0

    def stop(*_: object) -> None:
        nonlocal told
        told += 1
        for each in probers:
            each.stop()
        if told > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for each in probers:
            each.start()
        while any(each.is_alive() for each in probers):
            for each in probers:
                each.join(_LOOK_EVERY_S)
            if parent is not None and os.getppid() != parent:
                for each in probers:
                    each.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _headers(every: list[str] | tuple[str, ...], id_header: str) -> dict[str, str]:
    found = {}
    for each in every:
        parts = _HEADER.fullmatch(each)
        if parts is None:
            raise UsageError("a header is not understood", hint="write it as --header 'NAME: VALUE', in ASCII")
        found[parts[1]] = parts[2]
    if not _HEADER.fullmatch(f"{id_header}:"):
        raise UsageError(f"`--id-header {id_header}` is no header's name")
    return found


def _summary(lanes: dict[str, Lane]) -> str:
    rows: list[tuple[str, ...]] = [("connection", "sent", "failed", "p50", "p90", "p99", "max", "late")]
    for name, lane in sorted(lanes.items(), key=lambda item: (_CANARY in item[0], item[0])):
        times = [f"{value:,.1f} ms" for value in lane.quantiles_ms(0.5, 0.9, 0.99, 1.0)]
        rows.append((name, f"{lane.sent:,}", f"{lane.failed:,}", *times, f"{lane.late:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if not number else cell.rjust(width)
                  for number, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"
