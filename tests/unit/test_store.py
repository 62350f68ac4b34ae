"""The folder of a recording: whole before, whole after, and said so when it is not."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from zdtrace.errors import RecordingBusy, RecordingError, RecordingExists
from zdtrace.recording import manifest as manifests
from zdtrace.recording.manifest import Manifest, Source
from zdtrace.recording.store import DraftFile, Writer, extend, open_recording, remove_recording
from zdtrace.recording.tables import SCHEMA_VERSION


def source(writer: Writer, **fields: Any) -> Source:
    account: dict[str, Any] = {
        "source_id": writer.next_source_id, "name": "k6.json", "format": "k6-json",
        "sha256": "a", "content_sha256": f"content {writer.next_source_id}", "bytes": 10,
        "lines_in": 5, "skipped": 1, "rows_kept": 3, "rejects": 1,
        "rows_by_table": {"marks": 3}, "reject_reasons": {"no time": 1},
        "clock": "client", "written": "start", "resolution_ns": 1, "shows_failures": True,
        "first_at_ns": 1, "last_at_ns": 2,
        "imported_at": "2026-11-23T16:26:21Z",
    }
    return Source(**{**account, **fields})


def add(writer: Writer, rows: int = 3, **fields: Any) -> Source:
    """Add a source with that many marks."""
    draft = writer.scratch / "marks.parquet"
    with duckdb.connect() as db:
        db.execute(f"copy (select range as line from range({rows})) to '{draft}' (format parquet)")
    added = source(writer, rows_by_table={"marks": rows}, **fields)
    writer.add(added, [DraftFile.sealed("marks", draft, rows)])
    return added


def edit(folder: Path, **fields: Any) -> None:
    path = folder / manifests.FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_what_was_added_is_there_after_it_was_closed(tmp_path: Path) -> None:
    folder = tmp_path / "rollout-42.zdtrace"
    with extend(folder) as writer:
        added = add(writer)
    recording = open_recording(folder)
    assert recording.name == "rollout-42"
    assert recording.manifest.sources == (added,)
    assert recording.manifest.schema_version == SCHEMA_VERSION
    assert recording.files("marks") == [str(folder / "tables/marks/0001-0000.parquet")]
    assert recording.files("requests") == []


def test_rows_in_are_written_out_for_whoever_reads_the_manifest(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    written, = json.loads((tmp_path / "r" / "recording.json").read_text())["sources"]
    assert written["rows_in"] == written["lines_in"] - written["skipped"] == 4


def test_sources_are_numbered_on_and_names_stay_different(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    with extend(tmp_path / "r") as writer:
        assert writer.next_source_id == 2
        assert writer.unique_name("k6.json") == "k6.json (2)"
        assert writer.unique_name("other.json") == "other.json"
        add(writer, name="k6.json (2)")
    assert [each.source_id for each in open_recording(tmp_path / "r").manifest.sources] == [1, 2]


def test_a_content_that_is_there_is_recognised(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        added = add(writer)
        assert writer.holds("content 1") == added
        assert writer.holds("content 2") is None


def test_a_file_that_no_manifest_names_does_not_exist(tmp_path: Path) -> None:
    """As after a power cut between the data file and the manifest."""
    with extend(tmp_path / "r") as writer:
        add(writer)
    stray = tmp_path / "r" / "tables" / "marks" / "0002-0000.parquet"
    stray.write_bytes(b"PAR1")
    assert len(open_recording(tmp_path / "r").files("marks")) == 1
    with extend(tmp_path / "r") as writer:
        add(writer, rows=7)
    assert stray.stat().st_size == open_recording(tmp_path / "r").manifest.files[1].bytes


def test_an_error_in_between_leaves_the_recording_as_it_was(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    before = (tmp_path / "r" / "recording.json").read_bytes()

    def fail_halfway() -> None:
        with extend(tmp_path / "r") as writer:
            (writer.scratch / "half.parquet").write_bytes(b"PAR1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_halfway()
    assert (tmp_path / "r" / "recording.json").read_bytes() == before
    assert not (tmp_path / "r" / "tmp").exists()


@pytest.mark.parametrize("size", [None, 10])
def test_a_data_file_that_is_gone_or_cut_is_named(tmp_path: Path, size: int | None) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    path = tmp_path / "r" / "tables" / "marks" / "0001-0000.parquet"
    path.unlink() if size is None else os.truncate(path, size)
    with pytest.raises(RecordingError, match=r"0001-0000\.parquet.* missing or damaged") as error:
        open_recording(tmp_path / "r").files("marks")
    assert error.value.hint


def test_two_writers_at_once_are_one_too_many(tmp_path: Path) -> None:
    with extend(tmp_path / "r"), pytest.raises(RecordingBusy), extend(tmp_path / "r"):
        pass
    with extend(tmp_path / "r") as writer:
        add(writer)


def test_a_busy_recording_can_still_be_read(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
        assert len(open_recording(tmp_path / "r").files("marks")) == 1


def test_a_recording_is_replaced_only_by_one_that_holds_something(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        kept = add(writer)
    with extend(tmp_path / "r", force=True):
        pass  # every file was refused
    assert open_recording(tmp_path / "r").manifest.sources == (kept,)
    with suppress(KeyboardInterrupt), extend(tmp_path / "r", force=True) as writer:
        add(writer, rows=5)
        raise KeyboardInterrupt
    assert open_recording(tmp_path / "r").manifest.sources == (kept,)
    assert [each.name for each in tmp_path.iterdir()] == ["r"]


def test_force_replaces_a_recording(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    with extend(tmp_path / "r", force=True) as writer:
        assert writer.manifest.sources == ()
        successor = add(writer, rows=5)
    assert open_recording(tmp_path / "r").manifest.sources == (successor,)


@pytest.mark.parametrize("force", [False, True])
def test_nothing_but_a_recording_is_ever_replaced(tmp_path: Path, *, force: bool) -> None:
    folder, file = tmp_path / "thesis", tmp_path / "thesis.txt"
    folder.mkdir()
    (folder / "chapter1.txt").write_text("precious")
    file.write_text("precious")
    for path in (folder, file):
        with pytest.raises(RecordingExists, match="exists already"), extend(path, force=force):
            pass
    assert (folder / "chapter1.txt").read_text() == file.read_text() == "precious"


def test_an_empty_folder_becomes_a_recording(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    with extend(tmp_path / "r") as writer:
        add(writer)
    assert len(open_recording(tmp_path / "r").manifest.sources) == 1


def test_a_folder_that_cannot_be_made_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be made"), extend(tmp_path / "file" / "r"):
        pass


@pytest.mark.parametrize("path", ["missing", "file", "folder"])
def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecordingError, match="is not a recording"):
        open_recording(tmp_path / path)


@pytest.mark.parametrize("content", ["", "[]", '{"format": "something"}', '{"format": "zdtrace', "\ud800"])
def test_a_manifest_of_something_else_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "recording.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(RecordingError, match=r"recording\.json"):
        open_recording(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {"sources": [{"source_id": 1}]}, {"sources": [7]}, {"sources": 7}, {"files": [{"table": "marks"}]},
        {"files": [["marks"]]}, {"selectors": 7}, {"sources": {"a": 1}},
    ],
)
def test_a_damaged_manifest_is_an_error_and_no_traceback(tmp_path: Path, damage: dict[str, Any]) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    edit(tmp_path / "r", **damage)
    with pytest.raises(RecordingError, match="damaged"):
        open_recording(tmp_path / "r")


def test_a_recording_of_a_later_zdtrace_is_refused_with_advice(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    edit(tmp_path / "r", schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(RecordingError, match=f"schema {SCHEMA_VERSION + 1}") as error:
        open_recording(tmp_path / "r")
    assert error.value.hint == "install a newer zdtrace"


def test_fields_that_a_later_version_added_are_passed_over(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    found = json.loads((tmp_path / "r" / "recording.json").read_text())
    edit(tmp_path / "r", mood="good", sources=[{**found["sources"][0], "colour": "blue"}])
    assert open_recording(tmp_path / "r").manifest.sources[0].name == "k6.json"


def test_the_redaction_in_force_is_kept(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        writer.describe(redaction={"kept": ["env:A"]})
    assert open_recording(tmp_path / "r").manifest.redaction == {"kept": ["env:A"]}


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer, notes=("a note",), parameters={"a": "b"})
        written = writer.manifest
    assert manifests.read(tmp_path / "r") == written
    assert isinstance(written, Manifest)


def test_force_touches_nothing_but_what_the_manifest_names(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    with extend(folder) as writer:
        add(writer)
    (folder / "notes.txt").write_text("precious")
    (tmp_path / ".r.new").mkdir()
    (tmp_path / ".r.new" / "thesis.txt").write_text("precious")
    with extend(folder, force=True) as writer:
        successor = add(writer, rows=5)
    assert open_recording(folder).manifest.sources == (successor,)
    data = [str(each.relative_to(tmp_path)) for each in sorted(tmp_path.rglob("*")) if each.is_file()]
    assert data == [
        ".r.new/thesis.txt", "r/notes.txt", "r/recording.json", "r/tables/marks/0001-0000-new.parquet",
    ]
    assert len(open_recording(folder).files("marks")) == 1


def test_a_recording_is_replaced_also_by_a_link_to_it_and_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, link = tmp_path / "r", tmp_path / "latest"
    link.symlink_to(folder)
    with extend(folder) as writer:
        add(writer)
    monkeypatch.chdir(folder)
    for rows, path in enumerate((link, Path(), folder), 5):
        with extend(path, force=True) as writer:
            add(writer, rows=rows)
        assert open_recording(folder).manifest.files[0].rows == rows
        assert len(list((folder / "tables" / "marks").iterdir())) == 1
    assert link.is_symlink()


@pytest.mark.parametrize("path", ["/etc/passwd", "../../precious.parquet", "tables/marks/../../x.parquet", "tables/x"])
def test_a_manifest_that_names_what_is_elsewhere_is_damaged(tmp_path: Path, path: str) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    file = {"table": "marks", "path": path, "rows": 1, "bytes": 1, "sha256": "a"}
    edit(tmp_path / "r", files=[file])
    with pytest.raises(RecordingError, match="is no file of a recording"):
        open_recording(tmp_path / "r")


def test_a_recording_is_removed_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    with extend(folder) as writer:
        add(writer)
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(RecordingError, match=r"holds `notes\.txt`"):
        remove_recording(folder)
    assert len(open_recording(folder).files("marks")) == 1
    (folder / "notes.txt").unlink()
    remove_recording(folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", [b"a[1]\\b", b"n\xff"])
def test_a_name_that_no_query_could_open_is_refused(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(RecordingError, match="is no name for a recording"), extend(tmp_path / os.fsdecode(name)):
        pass


def test_force_replaces_also_a_recording_whose_manifest_is_damaged(tmp_path: Path) -> None:
    with extend(tmp_path / "r") as writer:
        add(writer)
    precious = tmp_path / "precious.parquet"
    precious.write_text("precious")
    file = {"table": "marks", "path": "../precious.parquet", "rows": 1, "bytes": 1, "sha256": "a"}
    edit(tmp_path / "r", files=[file])
    with pytest.raises(RecordingError, match="damaged"), extend(tmp_path / "r"):
        pass
    with extend(tmp_path / "r", force=True) as writer:
        successor = add(writer, rows=5)
    assert open_recording(tmp_path / "r").manifest.sources == (successor,)
    assert precious.read_text() == "precious"
