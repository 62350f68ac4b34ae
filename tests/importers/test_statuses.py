"""A status that is missing, or that nobody can read, is a reject: it is neither a failure nor a success."""

from __future__ import annotations

import json
from typing import Any

import pytest
from importing import Imported, import_bytes

from zdtrace.importers.base import Options


def told(found: Imported) -> list[str]:
    """What became of each line, in the order of the file."""
    rows = [(row["line"], str(row["status"] or row["error"])) for row in found.requests]
    rows += [(row["line"], f"reject: {row['reason']}") for row in found.rejects]
    return [words for _, words in sorted(rows)]


def lines(*objects: dict[str, Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in objects).encode()


FORTIO: dict[str, Any] = {"latency": 0.002, "timestamp": 1_795_450_667_388_471_045, "thread": 0, "iter": 0}
VEGETA: dict[str, Any] = {
    "attack": "a", "seq": 0, "timestamp": "2026-11-23T15:51:02.125Z", "latency": 2_000_000, "error": "",
}


def test_fortio() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"ok": True, "details": "200"}, "200"),
        ({"ok": False, "details": "-1"}, "no response"),
        ({"ok": False, "details": "rpc error: code = Unavailable"}, "rpc error: code = Unavailable"),
        ({"ok": True, "details": "SERVING"}, "None"),
        ({"ok": True, "details": "abc"}, "reject: no known status"),
        ({"ok": True, "details": "2000"}, "reject: no known status"),
        ({"ok": True, "details": ""}, "reject: no status"),
        ({"ok": True, "details": None}, "reject: no status"),
        ({"ok": True}, "reject: no status"),
    ]
    assert told(import_bytes(lines(*(FORTIO | given for given, _ in cases)))) == [words for _, words in cases]


def test_vegeta_of_which_no_rejected_line_is_kept() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"code": 200}, "200"),
        ({"code": 0, "error": "EOF"}, "EOF"),
        ({"code": 0}, "no response"),
        ({}, "reject: no status"),
        ({"code": "abc"}, "reject: no status"),
        ({"code": 5000, "body": "aHVudGVyMg=="}, "reject: no known status"),
        ({"code": 200, "timestamp": "2026-11-23T15:51:02.125"}, "reject: no time"),
    ]
    found = import_bytes(lines(*(VEGETA | given for given, _ in cases)))
    assert told(found) == [words for _, words in cases]
    assert {row["text"] for row in found.rejects} == {None}


def test_vegeta_as_csv() -> None:
    row = "1795450667388471045,{},2000000,0,5,{},,a,0,GET,http://h/,\n"
    cases = [("200", "", "200"), ("0", "EOF", "EOF"), ("", "EOF", "reject: no status"),
             ("9999", "EOF", "reject: no known status")]
    found = import_bytes("".join(row.format(code, error) for code, error, _ in cases).encode())
    assert told(found) == [words for *_, words in cases]
    assert {row["text"] for row in found.rejects} == {None}


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("200", "", "200"), ("2e2", "", "200"), ("0", "", "no response"), ("-1", "", "no response"),
        ("", "timeout", "timeout"), ("abc", "timeout", "timeout"), ("", "", "reject: no status"),
        ("abc", "", "reject: no known status"), ("200.7", "", "reject: no known status"),
        ("1e300", "", "reject: no known status"), ("99", "", "reject: no known status"),
    ],
)
def test_columns_that_the_user_named(status: str, error: str, words: str) -> None:
    columns = {"start": "ts:epoch_s", "latency": "took:ms", "status": "st", "error": "err"}
    content = f"ts,took,st,err\n1700000000,5,200,\n1700000001,5,{status},{error}\n".encode()
    found = import_bytes(content, options=Options(columns=columns), as_format="columns")
    assert told(found) == ["200", words]
