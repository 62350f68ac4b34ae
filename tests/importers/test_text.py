"""Lines as disks, editors, kills and enemies leave them: each is a row, a skip or a reject with a reason."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from importing import Imported, Take, import_bytes
from truth import RUN_NS, few

from zdtrace.errors import UnknownFormat, UnusableFile
from zdtrace.importers import chunks, recognise, text

CSV_HEAD = b"request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status\n"


def line(**fields: object) -> bytes:
    whole = {"latency": 0.25, "timestamp": RUN_NS, "thread": 1, "iter": 1, "ok": True, "details": "200"}
    return json.dumps({**whole, **fields}).encode()


GOOD = line()


def reasons(content: bytes) -> dict[str, int]:
    return import_bytes(content).source.reject_reasons


def kept_lines(found: Imported) -> list[int]:
    return sorted(row["line"] for row in found.requests)


def test_blank_lines_are_skipped_and_line_numbers_are_those_of_an_editor() -> None:
    found = import_bytes(GOOD + b"\n\n   \n" + GOOD + b"\n\n")
    assert kept_lines(found) == [1, 4]
    assert (found.source.lines_in, found.source.skipped, found.source.rejects) == (5, 3, 0)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(end: bytes, mark: bytes) -> None:
    found = import_bytes(mark + GOOD + end + line(details="502") + end)
    assert found.statuses == {200: 1, 502: 1}
    assert (found.source.lines_in, found.source.rejects) == (2, 0)


def test_a_last_line_without_end_counts() -> None:
    assert import_bytes(GOOD + b"\n" + GOOD).source.rows_kept == 2


def test_a_torn_last_line_is_a_reject() -> None:
    found = import_bytes(GOOD + b"\n" + GOOD[:40])
    assert (found.source.rows_kept, found.source.reject_reasons) == (1, {"not a JSON object": 1})
    assert found.rejects[0]["line"] == 2


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_file_cut_into_many_chunks_loses_no_line_and_keeps_their_numbers(
    packed: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "BLOCK_BYTES", 512)
    monkeypatch.setattr(chunks, "_CHUNK_BYTES", 4096)
    # Lines of very different length, so that a chunk is longer or shorter than the one it writes over.
    written = [line(thread=number, ok=False, details="x" * (1 + number * 97 % 700)) for number in range(300)]
    written[200] = b"torn"
    content = b"\n".join(written)
    assert len(content) > 20 * 4096
    found = import_bytes(packed(content))
    assert {row["line"]: row["thread"] for row in found.requests} == {
        number + 1: str(number) for number in range(300) if number != 200
    }
    assert [row["line"] for row in found.rejects] == [201]
    assert found.source.content_sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("withheld", [False, True])
def test_rejects_go_to_disk_in_blocks_and_in_order(
    withheld: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "_REJECTS_A_BLOCK", 2)
    path = tmp_path / "rejects.ndjson"
    path.write_text("left over from the part before\n")
    rejects = text.Rejects(path, withhold=withheld)
    for number in range(1, 6):
        rejects.add(text.Reject(number, "NUL byte", "words"))
    assert len(path.read_text().splitlines()) == 4
    rejects.flush()
    assert rejects.count == 5
    assert [json.loads(each) for each in path.read_text().splitlines()] == [
        {"line": number, "reason": "NUL byte", "text": None if withheld else "words"} for number in range(1, 6)
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (GOOD.replace(b"200", b"\x00"), "NUL byte"),
        (GOOD.replace(b"200", b"\xff\xfe"), "not UTF-8"),
        (GOOD.replace(b"200", b"\x01"), "control characters"),
        (line(details="x" * 1_100_000), "line over 1 MB"),
    ],
)
def test_a_line_that_cannot_be_read_says_why_and_spoils_no_other(bad: bytes, reason: str) -> None:
    found = import_bytes(b"\n".join([GOOD, bad, GOOD]))
    assert kept_lines(found) == [1, 3]
    assert found.source.reject_reasons == {reason: 1}
    assert found.rejects[0]["line"] == 2
    assert len(found.rejects[0]["text"]) <= 500


def test_a_line_of_just_under_a_megabyte_is_read() -> None:
    long = line(ok=False, details="x" * 990_000)
    found = import_bytes(GOOD + b"\n" + long + b"\n")
    assert found.source.rows_kept == 2


_CHILD = """
import resource, sys
from pathlib import Path
from zdtrace.importers import recognise
from zdtrace.importers.base import Options
from zdtrace.importers.taking import take
from zdtrace.recording.store import extend
with extend(Path(sys.argv[2])) as writer:
    taken = take(writer, Path(sys.argv[1]), recognise(Path(sys.argv[1])), Options())
print(taken.source.rows_kept, taken.source.rejects, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_line_of_100_megabytes_takes_no_memory(tmp_path: Path, is_packed: bool) -> None:
    path = tmp_path / "long.ndjson"
    with gzip.open(path, "wb", 1) if is_packed else path.open("wb") as file:
        file.write(GOOD + b'\n{"latency":"')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + GOOD + b"\n")
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, path, tmp_path / "x.zdtrace"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    kept, rejects, peak_kb = map(int, child.stdout.split())
    assert (kept, rejects) == (2, 1)
    assert peak_kb < 500_000


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_compressed_files_are_recognised_by_content(pack: Callable[[bytes], bytes]) -> None:
    found = import_bytes(pack(GOOD + b"\n" + GOOD + b"\n"), name="no-suffix")
    assert found.source.rows_kept == 2


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_compressed_file_that_was_cut_off_keeps_what_came_before(pack: Callable[[bytes], bytes]) -> None:
    lines = b"\n".join(
        line(timestamp=RUN_NS + number * 7919, iter=number * 31337) for number in range(30_000)
    )
    packed = pack(lines)
    found = import_bytes(packed[: len(packed) * 2 // 3])
    assert 5_000 < found.source.rows_kept < 29_000
    assert any("damaged or cut off" in reason for reason in found.source.reject_reasons)


def test_the_same_file_twice_is_taken_once(taken: Take, tmp_path: Path) -> None:
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    first.write_bytes(GOOD)
    second.write_bytes(GOOD)
    assert not taken(first).is_repeat
    again = taken(second)
    assert again.is_repeat
    assert again.source.name == "a.ndjson"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_the_same_content_compressed_is_taken_once(
    taken: Take, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    plain, packed = tmp_path / "a.ndjson", tmp_path / "a.packed"
    plain.write_bytes(GOOD + b"\n")
    packed.write_bytes(pack(GOOD + b"\n"))
    taken(plain)
    assert taken(packed).is_repeat


def test_an_empty_file_is_of_no_known_format(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    for content in (b"", b"\n\n", gzip.compress(b"")):
        path.write_bytes(content)
        with pytest.raises(UnknownFormat):
            recognise(path)


def test_a_file_that_ends_after_its_header_has_no_rows() -> None:
    found = import_bytes(b"metric_name,timestamp,metric_value\n")
    assert (found.source.lines_in, found.source.skipped, found.source.rows_kept) == (1, 1, 0)


def test_a_header_below_blank_lines_is_still_the_header() -> None:
    found = import_bytes(
        b"\n\nmetric_name,timestamp,metric_value,status\nhttp_req_duration,1795450000,5,200\n"
    )
    assert kept_lines(found) == [4]
    assert (found.source.lines_in, found.source.skipped, found.source.rejects) == (4, 3, 0)


@pytest.mark.parametrize(
    ("timestamp", "latency", "reason"),
    [
        (RUN_NS, -0.001, "negative latency"),
        (RUN_NS, 1e300, "no or impossible latency"),
        (RUN_NS, 9e9, "impossible latency"),
        (1_795_450, 0.1, "time outside 2000 to 2100"),
        (0, 0.1, "time outside 2000 to 2100"),
        (4_200_000_000 * 10**9, 0.1, "time outside 2000 to 2100"),
        (None, 0.1, "no time"),
        (RUN_NS, None, "no or impossible latency"),
    ],
)
def test_times_that_cannot_be_are_rejected(timestamp: object, latency: object, reason: str) -> None:
    found = import_bytes(GOOD + b"\n" + line(timestamp=timestamp, latency=latency))
    assert found.source.rows_kept == 1
    [found_reason] = found.source.reject_reasons
    assert reason in found_reason or (timestamp is None and found_reason == "no or impossible latency")


@pytest.mark.parametrize("latency", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b'"x"', b"[]", b"{}"])
def test_a_latency_that_is_no_number_is_rejected(latency: bytes) -> None:
    found = import_bytes(GOOD + b"\n" + GOOD.replace(b"0.25", latency))
    assert (found.source.rows_kept, found.source.rejects) == (1, 1)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e400", "", "0x10", "1;2"])
def test_a_csv_latency_that_is_no_number_is_rejected(value: str) -> None:
    head = b"metric_name,timestamp,metric_value,status\nhttp_req_duration,1795450000,5,200\n"
    found = import_bytes(head + f"http_req_duration,1795450000,{value},200\n".encode())
    assert (found.source.rows_kept, found.source.rejects) == (1, 1)


def test_ten_thousand_reasons_do_not_swell_the_manifest() -> None:
    whole = ['{"endReason":"x","options":{},"details":[']
    good = '{"timestamp":"2026-11-23T16:00:00Z","latency":5,"status":"OK"}'
    whole.append(",".join([good, *(f'{{"timestamp":"no{n}","latency":5}}' for n in range(10_000))]))
    found = import_bytes("".join([*whole, "]}"]).encode())
    assert found.source.rejects == 10_000
    assert len(found.source.reject_reasons) <= 51


def test_a_file_of_nothing_but_rejects_is_an_error_that_names_the_reason() -> None:
    with pytest.raises(UnusableFile) as refused:
        import_bytes(b"\n".join(line(timestamp=5) for _ in range(3)))
    assert "time outside 2000 to 2100 (3 times)" in (refused.value.hint or "")


def test_stamps_of_a_container_runtime_are_cut_off() -> None:
    stamped = [
        b"2026-11-23T16:06:40.123456789Z stdout F " + GOOD,
        b"2026-11-23T16:06:41Z stdout F " + line(details="502"),
    ]
    assert import_bytes(b"\n".join(stamped)).statuses == {200: 1, 502: 1}


_PIECES = st.one_of(
    st.just(GOOD),
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"",
            b"   ",
            b"\r",
            b"\x00",
            b"\xff",
            b"\x02",
            b"\x01",
            b'"',
            b"{}",
            b"null",
            b"\xef\xbb\xbf",
            GOOD[:30],
        ]
    ),
)


@few
@given(st.lists(_PIECES, max_size=40), st.sampled_from([b"\n", b"\r\n"]))
def test_every_line_of_any_file_is_accounted_for(pieces: list[bytes], end: bytes) -> None:
    content = end.join([GOOD, *pieces, GOOD])
    found = import_bytes(content, as_format="fortio-json")  # import_bytes checks that the account adds up
    assert found.source.lines_in == content.count(b"\n") + 1
    assert found.source.rows_kept >= 2


@few
@given(st.lists(st.one_of(st.just(b"0.5,0,0,0,0.25,81,200"), _PIECES), max_size=30))
def test_every_line_of_any_csv_is_accounted_for(pieces: list[bytes]) -> None:
    from zdtrace.importers.base import Options

    content = CSV_HEAD + b"\n".join([b"0.5,0,0,0,0.25,81,200", *pieces])
    found = import_bytes(content, as_format="oha-csv", options=Options(started_at_ns=RUN_NS))
    assert found.source.rows_kept >= 1
    assert found.source.lines_in <= content.count(b"\n") + 1
