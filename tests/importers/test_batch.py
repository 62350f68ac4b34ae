"""Taking many files at once."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections import Counter
from itertools import permutations
from pathlib import Path

import duckdb
import pytest

from zdtrace.errors import RecordingError, RecordingExists, UsageError
from zdtrace.importers.base import Options
from zdtrace.importers.batch import Outcome, Report, Result, import_paths
from zdtrace.recording.store import open_recording

FORMAT = "$remote_addr|$msec|$status|$request_time|$upstream_addr|$upstream_status"
CONFIG_MAP = {
    "apiVersion": "v1", "kind": "ConfigMap", "data": {"log-format": FORMAT, "server-snippets": "canary"},
    "metadata": {"name": "nginx", "namespace": "ingress", "uid": "u-1", "resourceVersion": "1"},
}
CUSTOM_LINES = "".join(f"10.0.0.9|1795451181.{n:03}|200|0.004|10.1.0.{n}:8080|200\n" for n in range(5))


@pytest.fixture
def results(tmp_path: Path, samples: Path) -> Path:
    """A folder as somebody would have it: cluster data, a load test, and what is nobody's business."""
    folder = tmp_path / "results"
    (folder / "cluster").mkdir(parents=True)
    for name in ("watch-pods.ndjson", "audit.log"):
        shutil.copy(samples / "cluster" / name, folder / "cluster" / name)
    shutil.copy(samples / "fortio" / "fortio_access.json", folder / "fortio.json")
    (folder / ".hidden").write_text("never looked at")
    return folder


def by_name(report: Report) -> dict[str, Outcome]:
    return {outcome.path.name: outcome for outcome in report.outcomes}


def rows(recording: Path, table: str) -> int:
    files = open_recording(recording).files(table)
    if not files:
        return 0
    with duckdb.connect() as db:
        found = db.execute("select count(*) from read_parquet($1)", [files]).fetchone()
    return int(found[0]) if found else 0


def test_a_folder_is_taken_whole_and_cluster_data_first(results: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    into = tmp_path / "r.zdtrace"
    report = import_paths([results], into, tell=lambda outcome: heard.append(outcome.path.name))
    assert heard == ["audit.log", "watch-pods.ndjson", "fortio.json"]
    assert [outcome.path.name for outcome in report.outcomes] == heard
    assert {outcome.result for outcome in report.outcomes} == {Result.TAKEN}
    assert report.is_complete
    lines = (results / "fortio.json").read_text().splitlines()
    assert rows(into, "requests") == sum(line.startswith("{") for line in lines)
    assert rows(into, "api_requests") == 16


def test_the_order_of_the_words_changes_nothing(results: Path, tmp_path: Path) -> None:
    files = sorted(path for path in results.rglob("*") if path.is_file() and not path.name.startswith("."))
    seen = set()
    for number, order in enumerate(permutations(files)):
        report = import_paths(order, tmp_path / f"{number}.zdtrace")
        names = tuple(outcome.path.name for outcome in report.outcomes)
        counts = tuple(outcome.source.rows_kept for outcome in report.outcomes if outcome.source)
        seen.add((names, counts))
    assert len(seen) == 1


def test_the_same_file_again_is_a_repeat_and_adds_nothing(results: Path, tmp_path: Path) -> None:
    into = tmp_path / "r.zdtrace"
    import_paths([results], into)
    before = rows(into, "objects")
    (results / "copy.ndjson").write_bytes((results / "cluster" / "watch-pods.ndjson").read_bytes())
    report = import_paths([results, results / "fortio.json"], into)
    assert Counter(outcome.result for outcome in report.outcomes) == {Result.REPEAT: 4}
    assert report.is_complete
    assert rows(into, "objects") == before


def test_one_bad_file_does_not_keep_the_others_out(results: Path, tmp_path: Path) -> None:
    (results / "notes.txt").write_text("Dear diary,\n")
    (results / "pods.txt").write_text("NAME   READY   STATUS\ndemo   1/1   Running\n")
    (results / "empty.log").write_bytes(b"")
    report = import_paths([results, results / "gone.log"], tmp_path / "r.zdtrace")
    found = by_name(report)
    assert found["notes.txt"].result is Result.UNKNOWN
    assert "watch" in found["notes.txt"].tried
    assert found["pods.txt"].result is Result.REFUSED
    assert "-o json" in str(found["pods.txt"].hint)
    assert (found["empty.log"].result, found["empty.log"].is_left_out) == (Result.EMPTY, False)
    assert found["gone.log"].result is Result.REFUSED
    assert found["gone.log"].message == "no such file or directory"
    assert found["fortio.json"].result is Result.TAKEN
    assert not report.is_complete


def test_an_empty_file_that_was_named_is_left_out(results: Path, tmp_path: Path) -> None:
    for name, content in (("a.csv", b""), ("b.csv.gz", gzip.compress(b""))):
        (tmp_path / name).write_bytes(content)
        report = import_paths([results, tmp_path / name], tmp_path / "r.zdtrace")
        assert by_name(report)[name].result is Result.EMPTY
        assert not report.is_complete


def test_a_pipe_is_refused_at_once(results: Path, tmp_path: Path) -> None:
    os.mkfifo(results / "pipe")
    report = import_paths([results, Path("/dev/zero")], tmp_path / "r.zdtrace")
    assert by_name(report)["pipe"].message == by_name(report)["zero"].message == "not a regular file"


def test_a_file_we_may_not_read_is_refused(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, size: int = 0) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("zdtrace.importers.text.head", denied)
    report = import_paths([results], tmp_path / "r.zdtrace")
    assert {outcome.message for outcome in report.outcomes} == {"permission denied"}


def test_utf_16_is_refused_with_what_made_it(results: Path, tmp_path: Path) -> None:
    (results / "pods.json").write_text(json.dumps(CONFIG_MAP), encoding="utf-16")
    found = by_name(import_paths([results], tmp_path / "r.zdtrace"))["pods.json"]
    assert (found.result, found.message) == (Result.REFUSED, "it is UTF-16")
    assert "PowerShell" in str(found.hint)


def test_recordings_are_no_input(results: Path, tmp_path: Path) -> None:
    inner = results / "old.zdtrace"
    import_paths([results / "fortio.json"], inner)
    report = import_paths([results], tmp_path / "r.zdtrace")
    assert len(report.outcomes) == 3
    refused, = import_paths([inner], tmp_path / "s.zdtrace").outcomes
    assert (refused.result, refused.message) == (Result.REFUSED, "it is a recording itself")


def test_a_file_inside_the_output_is_an_error_before_anything_happens(results: Path, tmp_path: Path) -> None:
    into = tmp_path / "r.zdtrace"
    import_paths([results], into)
    with pytest.raises(UsageError, match="inside"):
        import_paths([into / "recording.json"], into, force=True)
    assert rows(into, "requests") > 0


def test_nothing_known_makes_no_recording_and_replaces_none(results: Path, tmp_path: Path) -> None:
    unknown = tmp_path / "diary.txt"
    unknown.write_text("Dear diary,\n")
    import_paths([unknown], tmp_path / "new.zdtrace")
    assert not (tmp_path / "new.zdtrace").exists()
    into = tmp_path / "r.zdtrace"
    import_paths([results], into)
    import_paths([unknown], into, force=True)
    assert rows(into, "requests") > 0


def test_a_recording_of_which_nothing_came_is_not_left_behind(tmp_path: Path) -> None:
    table = tmp_path / "pods.txt"
    table.write_text("NAME   READY   STATUS\ndemo   1/1   Running\n")
    import_paths([table], tmp_path / "new.zdtrace")
    assert not (tmp_path / "new.zdtrace").exists()


def test_force_replaces_and_no_force_adds(results: Path, tmp_path: Path) -> None:
    into = tmp_path / "r.zdtrace"
    import_paths([results / "fortio.json"], into)
    import_paths([results / "cluster"], into)
    assert rows(into, "requests") > 0
    assert rows(into, "objects") == 6
    import_paths([results / "cluster"], into, force=True)
    assert (rows(into, "requests"), rows(into, "objects")) == (0, 6)


def test_a_folder_of_somebody_else_is_not_touched_even_with_force(results: Path, tmp_path: Path) -> None:
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1.txt").write_text("precious")
    with pytest.raises(RecordingExists):
        import_paths([results], other, force=True)
    assert (other / "chapter1.txt").read_text() == "precious"


@pytest.mark.parametrize("in_one_go", [True, False])
def test_a_custom_log_is_read_by_the_config_map_beside_it(tmp_path: Path, *, in_one_go: bool) -> None:
    log, config = tmp_path / "access.log", tmp_path / "configmaps.json"
    log.write_text(CUSTOM_LINES)
    config.write_text(json.dumps(CONFIG_MAP, indent=4))
    into = tmp_path / "r.zdtrace"
    if not in_one_go:
        import_paths([config], into)
    report = import_paths([log, config] if in_one_go else [log], into)
    found = by_name(report)["access.log"]
    assert (found.result, found.format) == (Result.TAKEN, "nginx-log-format")
    assert rows(into, "proxy_requests") == 5
    with duckdb.connect() as db:
        files = open_recording(into).files("objects")
        stored = db.execute("select object from read_parquet($1)", [files]).fetchone()
    assert stored is not None
    assert "canary" not in stored[0]


def test_a_custom_log_without_its_format_is_unknown(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(CUSTOM_LINES)
    assert by_name(import_paths([log], tmp_path / "r.zdtrace"))["access.log"].result is Result.UNKNOWN
    given = import_paths([log], tmp_path / "r.zdtrace", options=Options(log_format=FORMAT))
    assert by_name(given)["access.log"].result is Result.TAKEN


def test_the_policy_in_force_is_written_down_and_adds_up(results: Path, tmp_path: Path) -> None:
    into = tmp_path / "r.zdtrace"
    import_paths([results / "cluster"], into, options=Options(keep=frozenset({"env:A"})))
    import_paths([results / "fortio.json"], into, options=Options(drop=frozenset({"labels"})))
    policy = open_recording(into).manifest.redaction
    assert (policy["kept"], policy["dropped"]) == (["env:A"], ["labels"])
    assert "env values" in policy["masked"]


def test_a_keep_that_means_nothing_stops_before_anything_is_made(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--keep"):
        import_paths([results], tmp_path / "r.zdtrace", options=Options(keep=frozenset({"everything"})))
    assert not (tmp_path / "r.zdtrace").exists()


def test_the_clock_that_was_named_is_the_sources_clock(results: Path, tmp_path: Path) -> None:
    report = import_paths([results / "fortio.json"], tmp_path / "r.zdtrace", clock="recorder")
    source = report.outcomes[0].source
    assert source is not None
    assert source.clock == "recorder"


def test_a_full_disk_is_not_the_fault_of_a_file(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zdtrace.importers.batch.take", full)
    with pytest.raises(RecordingError, match="no space left"):
        import_paths([results], tmp_path / "r.zdtrace")


def test_the_report_as_json_has_the_account_of_each_file(results: Path, tmp_path: Path) -> None:
    (results / "notes.txt").write_text("Dear diary,\n")
    found = json.loads(json.dumps(import_paths([results], tmp_path / "r.zdtrace").as_json()))
    assert found["is_complete"] is False
    for file in found["files"]:
        if file["result"] == "taken":
            assert file["rows_in"] == file["rows_kept"] + file["rejects"]
        else:
            assert (file["path"], file["message"]) == (str(results / "notes.txt"), "no known format")
