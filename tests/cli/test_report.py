"""`zdtrace report` and `zdtrace chart`: a page, a text, an object and pictures of the same findings."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from zdtrace.resources import folder

Run = Callable[..., subprocess.CompletedProcess[str]]
SCHEMA = json.loads(folder("reports").joinpath("schema/analysis-1.json").read_text(encoding="utf-8"))


class Page(HTMLParser):
    """The words of a page that a reader sees, its ids, and what stands in its elements of data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: list[str] = []
        self.data: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        self._inside = str(found.get("id") or tag) if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.data[self._inside] = data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, rollout: Path) -> str:
    import sys

    path = tmp_path_factory.mktemp("page") / "report.html"
    subprocess.run([sys.executable, "-m", "zdtrace", "report", rollout, "-o", path], check=True, capture_output=True)
    return path.read_text(encoding="utf-8")


def test_the_page_says_how_many_failed_why_where_what_to_change_and_how_sure(page: str) -> None:
    text = Page(page).text
    assert "FAIL 40 of 20 000 requests failed: 23 went to a pod that had closed its port after SIGTERM" in text
    assert "23 · routing: requests were sent where no one could answer" in text
    assert "17 · shutdown: the pod ended while it was answering" in text
    assert "preStop sleep at least as long as the slowest path needs to learn of the removal" in text
    assert "40 of 40 verdicts are tier B" in text


def test_each_failed_request_is_a_row_that_names_its_line(page: str, rollout: Path, zdtrace: Run) -> None:
    answer = zdtrace("sql", rollout, "-c", "select request_id from findings.verdicts", "-o", "csv").stdout
    wanted = answer.splitlines()[1:]
    rows = re.findall(r'<tr><th scope="row">(fortio\.ndjson\.zst:\d+)</th>', page)
    assert sorted(rows) == sorted(wanted)
    requests = json.loads(Page(page).data["data"])["requests"]
    source = requests["source"]["names"]
    ids = {f"{source[code]}:{line}" for code, line in zip(requests["source"]["codes"], requests["line"], strict=True)}
    assert ids == set(wanted)


def test_all_pictures_are_there_without_a_script_and_their_ids_differ(page: str) -> None:
    assert re.findall(r'<figure id="picture-(\w+)"', page) == ["lanes", "terminations", "causes", "dose"]
    assert len(re.findall(r'<div class="still"[^>]*><svg ', page)) == 4
    ids = Page(page).ids
    assert sorted(ids) == sorted(set(ids))
    assert "style=" not in "".join(re.findall(r'<div class="still".*?</svg>', page, re.DOTALL))


def test_nothing_in_the_page_reaches_for_the_network(page: str) -> None:
    outside = page.replace("http://www.w3.org/", "")
    outside = re.sub(r"<script>.*?</script>", "", outside, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"|url\((?!#)|@import', outside)
    assert "content=\"default-src &#39;none&#39;;" in page


def test_the_findings_in_the_page_are_those_of_the_json(page: str, rollout: Path, zdtrace: Run, tmp_path: Path) -> None:
    assert zdtrace("report", rollout, "-o", "report.json").returncode == 0
    findings: dict[str, Any] = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(findings, SCHEMA)
    assert json.loads(Page(page).data["findings"]) == findings
    assert len(findings["stories"]) == sum(len(cause["exemplars"]) for cause in findings["causes"]) == 6
    assert sum(each["failed_count"] for each in findings["outages"]) == findings["requests"]["failed"] == 40


def test_the_page_is_small(page: str) -> None:
    assert len(page.encode()) < 2_000_000


def test_a_baseline_is_compared_with(rollout: Path, zdtrace: Run, tmp_path: Path) -> None:
    assert zdtrace("report", rollout, "--baseline", rollout, "-o", "both.html").returncode == 0
    text = Page((tmp_path / "both.html").read_text(encoding="utf-8")).text
    assert "40 of 20 000 → 40 of 20 000 requests failed: the difference may be chance." in text


@pytest.mark.parametrize("name", ["lanes", "terminations", "causes"])
def test_a_picture_is_drawn_alone(name: str, rollout: Path, zdtrace: Run, tmp_path: Path) -> None:
    assert zdtrace("chart", rollout, name, "-o", "one.svg").returncode == 0
    assert zdtrace("chart", rollout, name, "-o", "one.png", "--dark").returncode == 0
    assert (tmp_path / "one.svg").read_text(encoding="utf-8").startswith("<svg ")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("words", "said"), [
    (("report", "-o", "report.pdf"), "its name does not say"),
    (("chart", "pie"), "no picture is called `pie`"),
    (("chart", "lanes", "-o", "lanes.gif"), "a picture is written as"),
])
def test_what_cannot_be_written_is_said(words: tuple[str, ...], said: str, rollout: Path, zdtrace: Run) -> None:
    result = zdtrace(words[0], rollout, *words[1:])
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr


def test_an_existing_report_is_replaced_only_by_force(rollout: Path, zdtrace: Run, tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("precious")
    assert zdtrace("report", rollout, "-o", "report.md").returncode == 2
    assert (tmp_path / "report.md").read_text() == "precious"
    assert zdtrace("report", rollout, "-o", "report.md", "--force").returncode == 0
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("### ❌ FAIL: 40 of 20 000")


def test_a_folder_gets_a_page_for_each_recording_and_an_index(rollout: Path, zdtrace: Run, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name in ("first", "second"):
        shutil.copytree(rollout, tmp_path / "runs" / f"{name}.zdtrace")
    assert zdtrace("report", "runs", "-o", "index.html").returncode == 0
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<a href="([^"#]+)">', index) == ["first.html", "second.html"]
    assert "<svg " in index
    assert (tmp_path / "first.html").stat().st_size == pytest.approx((tmp_path / "second.html").stat().st_size, abs=100)
    assert zdtrace("report", "runs", "-o", "index.html").returncode == 2


def test_two_runs_side_by_side_are_a_page(rollout: Path, zdtrace: Run) -> None:
    text = Page(zdtrace("diff", rollout, rollout, "-o", "html").stdout).text
    assert "SAME 40 of 20 000 → 40 of 20 000 requests failed: the difference may be chance." in text
    assert "endpoint_lag_refused 23 23" in text


def test_the_page_computes_what_a_hook_would_have_saved_and_gives_the_patch(page: str) -> None:
    text = Page(page).text
    assert "Let preStop sleep 2 s: it avoids 40 of 40 failed requests." in text
    # No kubelet's version is in this recording, so the patch is the one that works with any.
    assert "preStop: exec: command: - sleep - '2'" in text
    assert '<figure id="picture-dose"' in page
