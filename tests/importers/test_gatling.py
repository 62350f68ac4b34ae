"""Gatling: START and END, OK or KO, and no status."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing import SAMPLES, Take, import_bytes
from truth import (
    RUN_NS,
    Sent,
    assert_encloses,
    content,
    delivered,
    few,
    mangled,
    runs,
    served,
    survives,
    triples,
)

BOTH = ["3.10.5", "3.15.1"]
BEGAN_MS = RUN_NS // 10**6


@pytest.mark.parametrize("version", BOTH)
def test_a_row_that_is_ok_has_no_status_and_did_not_fail(taken: Take, version: str) -> None:
    found = taken(SAMPLES / f"gatling/simulation-{version}.log")
    succeeded = [row for row in found.requests if row["error"] is None]
    assert len(found.requests) == 150
    assert len(succeeded) == delivered(f"gatling/server-{version}.ndjson.gz")[200]
    assert {row["status"] for row in succeeded} == {None}
    assert len(found.failed) == 150 - len(succeeded)


def test_a_check_tells_the_status_that_it_found(taken: Take) -> None:
    found = taken(SAMPLES / "gatling/simulation-3.15.1.log")
    statuses = Counter(row["status"] for row in found.requests if row["status"])
    assert statuses == Counter(
        {s: n for s, n in delivered("gatling/server-3.15.1.ndjson.gz").items() if s != 200}
    )
    assert_encloses(found, "gatling/server-3.15.1.ndjson.gz")


@pytest.mark.parametrize("version", BOTH)
def test_start_and_end_enclose_what_the_server_did(taken: Take, version: str) -> None:
    found = taken(SAMPLES / f"gatling/simulation-{version}.log")
    good = sorted(row["started_at_ns"] for row in found.requests if row["error"] is None)
    seen = sorted(
        each.started_at_ns
        for each in served(f"gatling/server-{version}.ndjson.gz")
        if each.fate == "sent" and each.status == 200
    )
    assert all(start <= at + 5_000_000 for start, at in zip(good, seen, strict=True))


def test_everything_that_is_no_request_is_skipped(taken: Take) -> None:
    text = taken(SAMPLES / "gatling/simulation-3.10.5.log")
    lines = content("gatling/simulation-3.10.5.log").decode().splitlines()
    assert text.source.skipped == sum(not line.startswith("REQUEST") for line in lines)
    assert (text.source.lines_in, text.source.rejects) == (len(lines), 0)


def test_the_reasons_are_gatlings_own_words(taken: Take) -> None:
    found = taken(SAMPLES / "gatling/simulation-3.10.5.log")
    assert Counter(row["error"] for row in found.failed) == {
        "Request timeout to 127.0.0.1/127.0.0.1:18150 after 1000 ms": 16,
        "j.i.IOException: Premature close": 33,
        "j.n.ConnectException: finishConnect(..) failed: Connection refused": 2,
    }


@dataclass
class Binary:
    """Writes the format of Gatling 3.11, as its own writer does."""

    out: bytearray = field(default_factory=bytearray)
    known: dict[str, int] = field(default_factory=dict)

    def integer(self, value: int) -> None:
        self.out += struct.pack(">i", value)

    def string(self, value: str) -> None:
        wide = any(ord(letter) > 255 for letter in value)
        raw = value.encode("utf-16-le" if wide else "latin-1")
        self.integer(len(raw))
        if raw:
            self.out += raw + bytes([wide])

    def cached(self, value: str) -> None:
        if value in self.known:
            self.integer(-self.known[value])
        else:
            self.known[value] = len(self.known) + 1
            self.integer(self.known[value])
            self.string(value)

    def run(self) -> None:
        self.out += b"\x00"
        self.string("3.15.1")
        self.string("Sim")
        self.out += struct.pack(">q", BEGAN_MS)
        self.string("früh 遅い")
        self.integer(1)
        self.string("scenario")
        self.integer(0)

    def request(self, started_ms: int, ended_ms: int, message: str) -> None:
        self.out += b"\x01"
        self.integer(1)
        self.cached("group")
        self.cached("GET item")
        self.integer(started_ms)
        self.integer(ended_ms)
        self.out += bytes([not message])
        self.cached(message)


def _messages(sent: list[Sent]) -> list[tuple[int, int, str]]:
    def message(each: Sent) -> str:
        if each.status == 0:
            return "Premature close 遅い"
        return f"status.find.is(200), found {each.status}" if each.status >= 429 else ""

    return [
        (
            each.started_us // 1000 - BEGAN_MS,
            (each.started_us + each.took_us) // 1000 - BEGAN_MS,
            message(each),
        )
        for each in (one.to_ms() for one in sent)
    ]


def _expected(sent: list[Sent]) -> list[tuple[int, int, int | None]]:
    whole = [each.to_ms() for each in sent]
    rows = [
        (each.started_at_ns, each.ended_at_ns, each.status if each.status >= 429 else None) for each in whole
    ]
    return sorted(rows, key=lambda each: (each[0], each[1], each[2] or 0))


@few
@given(runs)
def test_what_is_written_as_binary_comes_back(sent: list[Sent]) -> None:
    file = Binary()
    file.run()
    for each in _messages(sent):
        file.request(*each)
    found = import_bytes(bytes(file.out))
    assert found.source.format == "gatling-binary"
    assert triples(found.requests) == _expected(sent)
    assert len(found.failed) == sum(
        each.status == 0 or (each.status >= 429 and each.status != 404) for each in sent
    )


@few
@given(runs)
def test_what_is_written_as_text_comes_back(sent: list[Sent]) -> None:
    lines = [f"RUN\tSim\tsim\t{BEGAN_MS}\t \t3.10.5"]
    for started, ended, message in _messages(sent):
        result = f"KO\t{message}" if message else "OK\t "
        lines.append(f"REQUEST\t\tGET item\t{started + BEGAN_MS}\t{ended + BEGAN_MS}\t{result}")
    assert triples(import_bytes("\n".join(lines).encode()).requests) == _expected(sent)


def test_a_binary_log_that_was_cut_off_loses_one_record() -> None:
    whole = content("gatling/simulation-3.15.1.log")
    found = import_bytes(whole[:5003])
    assert found.source.reject_reasons == {"the file ends within a record": 1}
    assert 50 < len(found.requests) < 150


def test_a_binary_log_with_nonsense_in_it_says_that_the_rest_is_lost() -> None:
    file = Binary()
    file.run()
    file.request(1, 2, "")
    found = import_bytes(bytes(file.out) + b"\x63" + b"\x00" * 100)
    assert found.source.reject_reasons == {"cannot be decoded from here on: a record of kind 99": 1}


@few
@given(st.data(), st.sampled_from(BOTH))
def test_a_broken_file_is_counted_and_never_a_crash(data: st.DataObject, version: str) -> None:
    name = {"3.10.5": "gatling-text", "3.15.1": "gatling-binary"}[version]
    survives(data.draw(mangled(content(f"gatling/simulation-{version}.log"))), name)
