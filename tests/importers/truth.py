"""What importers of load tests are compared with: a bad server's own log, generated runs, broken files."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from importing import SAMPLES, Imported, Row, import_bytes

from zdtrace.errors import ZdtraceError
from zdtrace.importers import text
from zdtrace.importers.base import Options

SECOND = 1_000_000_000
RUN_NS = 1_795_450_000 * SECOND
"""A moment in November 2026, in ns."""

few = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
"""An import takes a tenth of a second."""


@dataclass(frozen=True)
class Served:
    """A request as the server saw it: from its header to the end of what was sent."""

    started_at_ns: int
    ended_at_ns: int
    status: int | None
    fate: str
    phase: str


def served(name: str) -> list[Served]:
    """The server's log beside a sample, `k6/server.ndjson.gz`."""
    with gzip.open(SAMPLES / name, "rt") as file:
        lines = [json.loads(line) for line in file]
    return [
        Served(
            round(each["t"] * 1e9), round(each["end"] * 1e9), each.get("status"), each["fate"], each["phase"]
        )
        for each in lines
        if "fate" in each
    ]


def delivered(name: str, *, cut: bool = False, since_ns: int = 0) -> Counter[int | None]:
    """Statuses of answers that reached the client whole; with `cut` also of those whose body was reset."""
    fates = ("sent", "rst_mid_body") if cut else ("sent",)
    return Counter(
        each.status
        for each in served(name)
        if each.fate in fates and each.phase != "slow" and each.started_at_ns >= since_ns
    )


def answered(found: Imported) -> Counter[int | None]:
    """The same, as the tool tells it: rows with a status and a whole body."""
    return Counter(row["status"] for row in found.requests if row["status"] and not row["is_truncated"])


def assert_encloses(found: Imported, name: str, *, slack_ns: int = 5_000_000) -> None:
    """Each 5xx began before the server read it and ended after the server had answered.

    Only 5xx: they are few, and none is lost on its way. Pairs in order of time: when each request encloses
    its own answer, so do the n-th of both.
    """
    rows = [row for row in found.requests if (row["status"] or 0) >= 500]
    answers = [each for each in served(name) if (each.status or 0) >= 500 and each.fate == "sent"]
    assert rows
    assert len(rows) == len(answers)
    starts = zip(
        sorted(row["started_at_ns"] for row in rows),
        sorted(each.started_at_ns for each in answers),
        strict=True,
    )
    ends = zip(
        sorted(row["ended_at_ns"] + row["resolution_ns"] for row in rows),
        sorted(each.ended_at_ns for each in answers),
        strict=True,
    )
    assert all(start <= seen + slack_ns for start, seen in starts)
    assert all(end >= answer - slack_ns for end, answer in ends)


@dataclass(frozen=True)
class Sent:
    """A generated request in whole microseconds; a status of 0 is a request without a response."""

    started_us: int
    took_us: int
    status: int

    @property
    def started_at_ns(self) -> int:
        return self.started_us * 1000

    @property
    def ended_at_ns(self) -> int:
        return (self.started_us + self.took_us) * 1000

    @property
    def expected(self) -> tuple[int, int, int | None]:
        return self.started_at_ns, self.ended_at_ns, self.status or None

    def to_ms(self) -> Sent:
        """The same, rounded to whole milliseconds."""
        return Sent(self.started_us // 1000 * 1000, self.took_us // 1000 * 1000, self.status)


runs = st.lists(
    st.builds(
        Sent,
        started_us=st.integers(RUN_NS // 1000, RUN_NS // 1000 + 3600 * 10**6),
        took_us=st.integers(0, 60 * 10**6),
        status=st.sampled_from([0, 200, 204, 404, 429, 500, 502, 503, 504]),
    ),
    min_size=1,
    max_size=20,
)


def triples(rows: list[Row]) -> list[tuple[int, int, int | None]]:
    """Start, end and status of rows, sorted."""
    return sorted(
        ((row["started_at_ns"], row["ended_at_ns"], row["status"]) for row in rows),
        key=lambda each: (each[0], each[1], each[2] or 0),
    )


def expected(sent: list[Sent]) -> list[tuple[int, int, int | None]]:
    """What `triples` must give for a generated run."""
    return sorted((each.expected for each in sent), key=lambda each: (each[0], each[1], each[2] or 0))


def content(sample: str) -> bytes:
    """A sample's content, decompressed."""
    return text.head(SAMPLES / sample, 1 << 22)


@st.composite
def mangled(draw: st.DrawFn, original: bytes, *, most_bytes: int = 6000) -> bytes:
    """A piece of a real file, as a disk, a kill or an enemy would leave it."""
    broken = bytearray(original[:most_bytes])
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, max(0, len(broken) - 1)))
        damage = draw(
            st.one_of(
                st.binary(min_size=1, max_size=6),
                st.sampled_from(
                    [
                        b"\n",
                        b"\r\n",
                        b'"',
                        b",",
                        b"\t",
                        b"\x00",
                        b"-",
                        b"9" * 30,
                        b"NaN",
                        b"1e999",
                        b"Infinity",
                        b"{",
                        b"}",
                        b"null",
                        b"'; drop table raw; --",
                        "\u2028\U0001f4a5".encode(),
                        b"\xff\xfe",
                        b"[" * 200,
                    ]
                ),
            )
        )
        length = draw(st.integers(0, 40))
        broken[at : at + length] = damage
    return bytes(broken)


def survives(broken: bytes, as_format: str, options: Options | None = None) -> Imported | None:
    """Import what may be broken. Anything but an account that adds up, or an error of ours, is a failure."""
    try:
        return import_bytes(broken, as_format=as_format, options=options)
    except ZdtraceError:
        return None
