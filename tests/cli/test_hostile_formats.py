"""Whatever strangers called things, every format shows it as text: read here by what reads such a format for people."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hostile import EVIL, lines
from markdown_it import MarkdownIt

from zdtrace.importers.base import Options
from zdtrace.importers.batch import import_paths
from zdtrace.recording.store import open_recording

Run = Callable[..., subprocess.CompletedProcess[str]]
LONGEST = 3_000
"""Of a line for people: a text of a megabyte is cut."""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording; its own name is a stranger's too."""
    folder = tmp_path_factory.mktemp("evil")
    paths = []
    for name, content in lines().items():
        paths.append(folder / name)
        paths[-1].write_text("".join(f"{line}\n" for line in content), encoding="utf-8")
    into = folder / "=1+1 <img src=x>\x1b[31m\u202e.zdtrace"
    import_paths(paths, into, options=Options(time_zone="UTC"))
    assert sum(each.rows_kept for each in open_recording(into).manifest.sources) >= 2 * len(EVIL) - 3
    return into


def request_ids(run: Run, recording: Path) -> list[str]:
    result = run("sql", recording, "-o", "ndjson", "-c", "select request_id from findings.verdicts order by all")
    assert result.returncode == 0, result.stderr
    return [json.loads(line)["request_id"] for line in result.stdout.splitlines()]


def hidden(text: str) -> set[str]:
    """Return what a terminal would obey or a reader not see: controls, marks of direction, parts of nothing."""
    return {
        each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") and each != "\n"
    }


def check_text(text: str) -> None:
    assert hidden(text) == set()
    assert max(map(len, text.split("\n"))) < LONGEST


@pytest.mark.parametrize("words", [
    ["analyze"], ["analyze", "-o", "wide"], ["analyze", "-o", "name"], ["recommend"], ["diff"], ["history"],
], ids=" ".join)
def test_a_terminal_is_told_nothing_that_it_would_obey(zdtrace: Run, evil: Path, words: list[str]) -> None:
    command, *options = words
    folder = {"diff": [evil, evil], "history": [evil.parent]}.get(command, [evil])
    result = zdtrace(command, *folder, *options)
    assert result.returncode in (0, 1, 3), result.stderr
    assert "Traceback" not in result.stderr
    check_text(result.stdout)
    check_text(result.stderr)


def test_the_story_of_each_request_is_told_in_lines(zdtrace: Run, evil: Path) -> None:
    for each in request_ids(zdtrace, evil)[::7]:
        result = zdtrace("explain", evil, each)
        assert result.returncode == 0, result.stderr
        check_text(result.stdout)


def test_markdown_holds_no_markup_of_theirs(zdtrace: Run, evil: Path, tmp_path: Path) -> None:
    outputs = [zdtrace("analyze", evil, "-o", "markdown").stdout, zdtrace("diff", evil, evil, "-o", "markdown").stdout]
    assert zdtrace("report", evil, "-o", "r.md").returncode == 0
    outputs.append((tmp_path / "r.md").read_text(encoding="utf-8"))
    for text in outputs:
        assert text
        check_text(text)
        for token in inlines(text):
            # Ours is only the comment that keeps somebody from being called.
            assert token.type not in ("link_open", "image", "html_block", "s_open"), token
            assert token.type != "html_inline" or token.content == "<!-- -->", token
        assert not re.search(r"(?<!\\)@\w", text)


def inlines(text: str) -> Iterator[Any]:
    """Yield all that GitHub's kind of Markdown makes of a text, bare addresses not made links."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        yield token
        yield from token.children or ()


def test_a_spreadsheet_finds_no_formula(zdtrace: Run, evil: Path, tmp_path: Path) -> None:
    zdtrace("analyze", evil, "--per-request", "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) > len(EVIL) - 3
    assert {len(row) for row in rows} == {len(rows[0])}
    for cell in (cell for row in rows for cell in row):
        assert not cell.startswith(("=", "+", "@", "\t", "\r", "\n")), cell
        assert not cell.startswith("-") or re.fullmatch(r"-?[\d.e+-]+", cell), cell


def test_sarif_and_junit_are_read_and_hide_nothing(zdtrace: Run, evil: Path, tmp_path: Path) -> None:
    result = zdtrace("analyze", evil, "--sarif", "r.sarif", "--junit", "r.xml")
    assert result.returncode == 1, result.stderr
    run = json.loads((tmp_path / "r.sarif").read_text(encoding="utf-8"))["runs"][0]
    assert run["results"]
    for text in texts(run["results"]):
        check_text(text)
        # A viewer makes a link of `[words](place)` in the text of a message.
        assert not re.search(r"(?<!\\)\[[^\]]*\]\(", text), text
    tree = ElementTree.parse(tmp_path / "r.xml")
    assert [each.tag for each in tree.iter("testcase")]
    for element in tree.iter():
        assert element.tag in ("testsuites", "testsuite", "testcase", "failure", "system-out", "properties", "property")
        for text in [element.text or "", *element.attrib.values()]:
            check_text(text)


def texts(value: Any) -> Iterator[str]:
    """Yield each text in plain values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def test_machines_get_it_whole_as_json_and_yaml(zdtrace: Run, evil: Path, tmp_path: Path) -> None:
    assert zdtrace("report", evil, "-o", "r.json").returncode == 0
    found = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert found["requests"]["failed"] == found["requests"]["total"] > len(EVIL) - 3
    text = zdtrace("analyze", evil, "-o", "yaml").stdout
    assert yaml.safe_load(text) == json.loads(zdtrace("analyze", evil, "-o", "json").stdout)
    for words in (["--patch"], ["--kustomize"], ["--helm-values"], ["-o", "yaml"]):
        result = zdtrace("recommend", evil, *words)
        assert "Traceback" not in result.stderr
        list(yaml.safe_load_all(result.stdout))


@pytest.mark.parametrize("name", ["lanes", "causes"])
def test_a_picture_has_no_script_and_no_link(zdtrace: Run, evil: Path, tmp_path: Path, name: str) -> None:
    result = zdtrace("chart", evil, name)
    assert result.returncode == 0, result.stderr
    tree = ElementTree.parse(tmp_path / f"{name}.svg")
    for element in tree.iter():
        assert element.tag.removeprefix(SVG) in (
            "svg", "g", "path", "text", "rect", "defs", "clipPath", "line", "tspan",
        ), element.tag
        assert not [key for key in element.attrib if key.startswith("on") or key.endswith("href")]
        check_text(element.text or "")
