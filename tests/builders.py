"""Tiny recordings written as a story, in milliseconds.

    Incident()
        .pod("a", ip="10.0.0.1", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
        .pod("b", ip="10.0.0.2")
        .request(1_250, refused("a"))
        .request(1_300, refused("a"), answered("b"))
        .causes() == ["endpoint_lag_refused"]

The story becomes a real recording on disk, through the real writer, and the whole SQL library runs over it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import polars as pl
from built_cluster import Clockwork, Crash, Pod, Version, object_rows
from built_objects import Told, node, service

from zdtrace.analysis.engine import Engine
from zdtrace.recording.manifest import Source
from zdtrace.recording.store import DraftFile, Writer, extend, open_recording
from zdtrace.recording.tables import BY_NAME

__all__ = [
    "Crash", "Diagnosis", "Incident", "answered", "cut", "cut_short", "gave_up", "limited", "no_live_upstreams", "node",
    "nowhere", "read_timeout", "refused", "service", "silent", "unresolved",
]
Row = dict[str, Any]
SOURCES = {
    "client": ("client.ndjson", "client"),
    "messages": ("client.log", "client"),
    "access": ("access.log", "proxy"),
    "errors": ("error.log", "proxy"),
    "cluster": ("watch.ndjson", "recorder"),
    "audit": ("audit.log", "apiserver"),
}
_POLARS = {"INTEGER": pl.Int32, "BIGINT": pl.Int64, "DOUBLE": pl.Float64, "VARCHAR": pl.String, "BOOLEAN": pl.Boolean}
_WORDS_WHILE_READING = "while reading response header from upstream"


@dataclass(frozen=True)
class Try:
    """One try of nginx to reach a pod: what it writes into the access log, and into the error log."""

    pod: str | None
    status: str
    ms: float
    connect_s: str = "0.000"
    header_s: str = "-"
    words: str | None = None
    address: str | None = None


def answered(pod: str, status: int = 200, ms: float = 3) -> Try:
    """The pod itself answered."""
    return Try(pod, str(status), ms, header_s=f"{ms / 1e3:.3f}")


def refused(pod: str, ms: float = 1) -> Try:
    """Nobody listened at the pod's port."""
    words = "connect() failed (111: Connection refused) while connecting to upstream"
    return Try(pod, "502", ms, connect_s="-", words=words)


def silent(pod: str, ms: float = 3_000) -> Try:
    """The pod's network was not there any more."""
    words = "connect() failed (113: No route to host) while connecting to upstream"
    return Try(pod, "502", ms, connect_s="-", words=words)


def cut(pod: str, ms: float = 20) -> Try:
    """The pod closed the connection before it answered."""
    return Try(pod, "502", ms, words=f"upstream prematurely closed connection {_WORDS_WHILE_READING}")


def cut_short(pod: str, ms: float = 20) -> Try:
    """The pod broke its answer off after the first bytes: nginx writes the status that it had sent on."""
    words = "upstream prematurely closed connection while reading upstream"
    return Try(pod, "200", ms, header_s="0.001", words=words)


def limited() -> Try:
    """nginx turned the request away itself: no upstream was tried."""
    return Try(None, "503", 0, "-", words='limiting requests, excess: 5.100 by zone "web"', address="-")


def unresolved() -> Try:
    """nginx could not resolve the upstream's name."""
    words = "web.default.svc could not be resolved (2: Server failure)"
    return Try(None, "502", 0, "-", words=words, address="-")


def read_timeout(pod: str, ms: float = 60_000) -> Try:
    """The pod took the request and never answered."""
    return Try(pod, "504", ms, words=f"upstream timed out (110: Connection timed out) {_WORDS_WHILE_READING}")


def gave_up(pod: str, ms: float = 1_000) -> Try:
    """The client went away while the pod was at work."""
    return Try(pod, "499", ms)


def no_live_upstreams() -> Try:
    """All pods were ejected: the upstream's name stands where an address should."""
    return Try(None, "502", 0, "-", words="no live upstreams while connecting to upstream", address="default-web")


def nowhere() -> Try:
    """What NGINX Ingress Controller writes when a Service has no endpoints."""
    words = "connect() failed (111: Connection refused) while connecting to upstream"
    return Try(None, "502", 0, "-", words=words, address="127.0.0.1:8181")


@dataclass(frozen=True)
class Request:
    """One request of the story and how it went."""

    at: float
    ms: float
    tries: tuple[Try, ...]
    status: int | None
    error: str | None
    message: str | None
    correlation_id: str | None
    pod_name: str | None
    is_truncated: bool | None
    thread: str | None


@dataclass(frozen=True)
class Diagnosis:
    """What the SQL library said."""

    verdicts: list[Row]
    near_misses: list[Row]
    totals: Row

    @property
    def causes(self) -> list[str]:
        """Cause of each failed request, in the order of their starts."""
        return [row["cause"] for row in self.verdicts]

    @property
    def tiers(self) -> str:
        """Tier of each, as one word: `AAB`."""
        return "".join(row["tier"] for row in self.verdicts)

    @property
    def triggers(self) -> list[str | None]:
        """Why the pod of each went away."""
        return [row["pod_trigger"] for row in self.verdicts]

    @property
    def pods(self) -> list[str | None]:
        """Pod of each."""
        return [row["pod_name"] for row in self.verdicts]

    @property
    def only(self) -> Row:
        """The one verdict."""
        (row,) = self.verdicts
        return row


@dataclass
class Incident:
    """A story that is still being written. Times are ms; `diagnose` makes it a recording and asks the SQL library."""

    pods: list[Pod] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    events: list[tuple[float, Row]] = field(default_factory=list)
    writes: list[tuple[float, Row]] = field(default_factory=list)
    deaf: list[tuple[float, float]] = field(default_factory=list)
    objects: list[Told] = field(default_factory=list)

    def told(self, *objects: Told) -> Self:
        """Add Services, nodes and other objects: see `built_objects`."""
        self.objects += objects
        return self

    def pod(self, name: str, **life: Any) -> Self:
        """Add a pod; see `built_cluster.Pod` for its life. The address is 10.0.0.N unless given."""
        pod = Pod(name, life.pop("ip", f"10.0.0.{len(self.pods) + 1}"), **life)
        self.pods.append(pod)
        if pod.by == "kubectl" and pod.deleted is not None:
            self.writes.append((pod.deleted, {
                "verb": "delete", "resource": "pods", "namespace": pod.namespace, "name": name, "status": 200,
                "username": "alice", "user_agent": "kubectl/v1.37.2",
            }))
        return self

    def request(
        self, at: float, *tries: Try, status: int | None = None, latency: float | None = None, error: str | None = None,
        message: str | None = None, correlation_id: str | None = None, pod: str | None = None,
        is_truncated: bool | None = None, thread: str | None = None,
    ) -> Self:
        """Add a request that began at `at`: the tries that the proxy made, or what the client saw without a proxy.

        `error` is what its line says, `message` what the client logged beside it, `pod` the pod that said it answered,
        `thread` the client's worker, by default one of its own.
        """
        if tries and status is None and error is None and tries[-1].status != "499":
            status = int(tries[-1].status)
        ms = sum(each.ms for each in tries) + 1 if latency is None else latency
        self.requests.append(
            Request(at, ms, tries, status, error, message, correlation_id, pod, is_truncated, thread)
        )
        return self

    def gap(self, start: float, stop: float) -> Self:
        """Let the watch of pods hear nothing for a while."""
        self.deaf.append((start, stop))
        return self

    def proxied(self, start: float, stop: float, every: float, *tries: Try, **known: Any) -> Self:
        """Add the same request again and again, from `start` up to `stop`."""
        at = start
        while at < stop:
            self.request(at, *tries, **known)
            at += every
        return self

    def proxy_error(self, at: float, pod: str, words: str) -> Self:
        """Add a line to the proxy's error log that belongs to no request of the story."""
        self.events.append((at, {"event": "upstream_error", "upstream_address": self._address(pod), "message": words}))
        return self

    def reload(self, began: float, done: float) -> Self:
        """Let the proxy take a new configuration into use."""
        self.events += [(began, {"event": "reload_began"}), (done, {"event": "reload_done"})]
        return self

    def failed_reload(self, began: float, failed: float) -> Self:
        """Let the proxy try to take a new configuration into use, and keep the old one."""
        self.events += [(began, {"event": "reload_began"}), (failed, {"event": "reload_failed"})]
        return self

    def causes(self, **how: Any) -> list[str]:
        """Return the cause of each failed request; `how` as in `diagnose`."""
        return self.diagnose(**how).causes

    def diagnose(
        self, *, without: tuple[str, ...] = (), clock_bound_ms: int = 1, shuffled: int | None = None,
        begin_ns: int | None = None, ahead_ms: Mapping[str, float] | None = None,
    ) -> Diagnosis:
        """Record the story and return the verdicts.

        `without` names sources nobody recorded; `shuffled` is a seed for the order of rows; `ahead_ms` says by how
        much single clocks are ahead, which the recording knows.
        """
        clocks = Clockwork(**({} if begin_ns is None else {"begin_ns": begin_ns}), ahead_ms=ahead_ms or {})
        with self.recorded(clocks, without=without, shuffled=shuffled, clock_bound_ms=clock_bound_ms) as folder:
            engine = Engine(open_recording(folder), {"clock_bound_ms": str(clock_bound_ms)})
            engine.make("findings.verdicts", "findings.near_misses", "findings.totals")
            return Diagnosis(
                engine.rows("select * exclude (evidence_at) from findings.verdicts order by started_at_ns, line"),
                engine.rows("select * from findings.near_misses order by request_id, attempt"),
                engine.rows("select * from findings.totals")[0],
            )

    @contextmanager
    def recorded(
        self, clocks: Clockwork | None = None, *, without: tuple[str, ...] = (), shuffled: int | None = None,
        clock_bound_ms: int = 1,
    ) -> Iterator[Path]:
        """Give the folder of the story's recording."""
        clocks = clocks or Clockwork()
        with TemporaryDirectory() as parent:
            folder = Path(parent) / "story.zdtrace"
            with extend(folder) as writer:
                for name, tables in self._tables(clocks, clock_bound_ms).items():
                    if name not in without and any(tables.values()):
                        _add(writer, name, tables, shuffled)
            yield folder

    def _tables(self, clocks: Clockwork, clock_bound_ms: int) -> dict[str, dict[str, list[Row]]]:
        """Return the rows of each source, by table."""
        requests = list(enumerate(self.requests, 1))
        words = [line for number, each in requests for line in self._words(number, each, clocks)]
        told = [self._event(at, row, clocks) for at, row in self.events]
        said = [_message(number, each, clocks) for number, each in requests if each.message]
        bounds = [_clock_sample(clock, ms, clocks, clock_bound_ms) for clock, ms in clocks.ahead_ms.items()]
        return {
            "client": {"requests": [_client_row(number, each, clocks) for number, each in requests]},
            "messages": {"client_messages": said},
            "access": {"proxy_requests": [
                self._access_row(number, each, clocks) for number, each in requests if each.tries
            ]},
            "errors": {"proxy_events": words + told},
            "cluster": {
                "objects": object_rows(self.pods, clocks, self._versions(clocks)), "clock_samples": bounds,
                "gaps": [
                    {"from_ns": clocks.ns(start, "recorder"), "until_ns": clocks.ns(stop, "recorder"),
                     "subject": "pods", "reason": "connection lost", "is_healed": None}
                    for start, stop in self.deaf
                ],
            },
            "audit": {"api_requests": [
                {"received_at_ns": clocks.ns(at, "apiserver"), "stage": "ResponseComplete", **row}
                for at, row in self.writes
            ]},
        }

    def _versions(self, clocks: Clockwork) -> list[Version]:
        return [version for told in self.objects for version in told(clocks)]

    def _address(self, pod: str) -> str:
        """Return `ip:port` of a pod."""
        return next(f"{each.ip}:8080" for each in self.pods if each.name == pod)

    def _tried(self, one: Try) -> str:
        return one.address or self._address(one.pod or "")

    def _access_row(self, number: int, request: Request, clocks: Clockwork) -> Row:
        """Return the access-log line; nginx writes whole ms, and 499 when the client went away."""
        tries = request.tries
        is_tried = tries[-1].address != "-"
        ended = clocks.ns(request.at + sum(each.ms for each in tries), "proxy") // 1_000_000 * 1_000_000
        took = round(sum(each.ms for each in tries)) * 1_000_000
        return {
            "started_at_ns": ended - took, "ended_at_ns": ended, "resolution_ns": 1_000_000, "proxy": "nginx",
            "status": int(tries[-1].status), "method": "GET", "path": "/", "process_id": "7",
            "connection_id": str(number), "correlation_id": request.correlation_id,
            "is_truncated": request.is_truncated,
            **({
                "upstream_addresses": ", ".join(map(self._tried, tries)),
                "upstream_statuses": ", ".join("-" if each.status == "499" else each.status for each in tries),
                "upstream_connect_times_s": ", ".join(each.connect_s for each in tries),
                "upstream_header_times_s": ", ".join(each.header_s for each in tries),
                "upstream_response_times_s": ", ".join(f"{each.ms / 1e3:.3f}" for each in tries),
            } if is_tried else {}),
        }

    def _words(self, number: int, request: Request, clocks: Clockwork) -> Iterator[Row]:
        """Yield the error-log lines of a request."""
        at = request.at
        for each in request.tries:
            at += each.ms
            if each.words:
                yield {
                    **self._event(at, {"event": "upstream_error", "message": each.words}, clocks),
                    "process_id": "7", "connection_id": str(number),
                    "upstream_address": None if each.address == "-" else self._tried(each),
                }

    def _event(self, at: float, row: Row, clocks: Clockwork) -> Row:
        return {"logged_at_ns": clocks.ns(at, "proxy"), "resolution_ns": 1, "proxy": "nginx", **row}


def _client_row(number: int, request: Request, clocks: Clockwork) -> Row:
    started = clocks.ns(request.at, "client")
    return {
        "started_at_ns": started, "ended_at_ns": started + round(request.ms * 1_000_000), "resolution_ns": 1_000,
        "status": request.status, "method": "GET", "url": "/", "correlation_id": request.correlation_id,
        "error": request.error or ("no response" if request.status is None else None),
        "thread": request.thread or str(number),
        "pod_name": request.pod_name, "is_truncated": request.is_truncated,
    }


def _message(number: int, request: Request, clocks: Clockwork) -> Row:
    return {
        "logged_at_ns": clocks.ns(request.at + request.ms, "client"), "resolution_ns": 1_000, "level": "err",
        "thread": request.thread or str(number), "message": request.message,
    }


def _clock_sample(clock: str, ahead_ms: float, clocks: Clockwork, bound_ms: int) -> Row:
    return {
        "sampled_at_ns": clocks.ns(0, "recorder"), "clock": clock, "reference": "recorder", "method": "stated",
        "offset_lo_ns": round((ahead_ms - bound_ms) * 1_000_000),
        "offset_hi_ns": round((ahead_ms + bound_ms) * 1_000_000),
    }


@cache
def _schema(table: str) -> dict[str, Any]:
    return {column.name: _POLARS[column.type] for column in BY_NAME[table].columns}


def _add(writer: Writer, name: str, tables: Mapping[str, list[Row]], shuffled: int | None) -> None:
    """Write the rows of one source; `line` is their place in the story, whatever order they are written in."""
    title, clock = SOURCES[name]
    source_id, drafts, instants = writer.next_source_id, [], []
    for table, rows in tables.items():
        if not rows:
            continue
        numbered = [{"source_id": source_id, "line": line, **row} for line, row in enumerate(rows, 1)]
        if shuffled is not None:
            random.Random(shuffled).shuffle(numbered)  # noqa: S311
        draft = writer.scratch / f"{table}.parquet"
        pl.DataFrame(numbered, schema=_schema(table), orient="row").write_parquet(draft)
        drafts.append(DraftFile.sealed(table, draft, len(rows)))
        instants += [row[key] for row in rows for key in row if key.endswith("_at_ns")]
    counts = {draft.table: draft.rows for draft in drafts}
    source = Source(
        source_id=source_id, name=title, format="story", sha256=name, content_sha256=name, bytes=0,
        lines_in=sum(counts.values()), skipped=0, rows_kept=sum(counts.values()), rejects=0,
        rows_by_table=counts, reject_reasons={}, clock=clock, written="story",
        resolution_ns=1_000_000 if name == "access" else 1_000, shows_failures=True, first_at_ns=min(instants),
        last_at_ns=max(instants), imported_at="2027-01-15T08:00:00Z",
    )
    writer.add(source, drafts)
