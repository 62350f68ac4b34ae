"""Every form of the report of one real rollout, as files that are read as a diff when they change: `just golden`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from zdtrace.analysis.findings import Findings, find
from zdtrace.recording.store import open_recording
from zdtrace.reporting import drawing, pictures
from zdtrace.reporting.advice import rows as advice_rows
from zdtrace.reporting.html import as_html
from zdtrace.reporting.junit import as_junit
from zdtrace.reporting.language import language
from zdtrace.reporting.sarif import as_sarif
from zdtrace.reporting.structured import as_json
from zdtrace.reporting.summary import as_markdown
from zdtrace.version import __version__

Golden = Callable[[str, str], None]


@pytest.fixture(scope="module")
def findings(rollout: Path) -> Findings:
    return find(open_recording(rollout))


@pytest.fixture(scope="module")
def pages(findings: Findings) -> dict[str, str]:
    return {code: as_html(findings, language(code), command="zdtrace report REC") for code in ("en", "zh")}


def readable(page: str) -> str:
    """Return a page without what has files of its own, and what another release of a library would change."""
    page = re.sub(r"<style>.*?</style>", "<style>…</style>", page, flags=re.DOTALL)
    page = re.sub(r"<script>.*?</script>", "<script>…</script>", page, flags=re.DOTALL)
    page = re.sub(r'(<script type="application/json" id="findings">).*?(</script>)', r"\1…\2", page, flags=re.DOTALL)
    page = re.sub(r'(<script type="application/json" id="data">)(.*?)(</script>)', _indented, page, flags=re.DOTALL)
    page = re.sub(r"<svg .*?</svg>", "<svg>…</svg>", page, flags=re.DOTALL)
    return re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-…", page).replace(__version__, "VERSION")


def _indented(found: re.Match[str]) -> str:
    data = json.loads(found[2])
    del data["pictures"], data["words"]
    return f"{found[1]}\n{json.dumps(data, ensure_ascii=False, indent=1)}\n{found[3]}"


@pytest.mark.parametrize("code", ["en", "zh"])
def test_the_page(pages: dict[str, str], golden: Golden, code: str) -> None:
    golden(f"report-{code}.html", readable(pages[code]))


@pytest.mark.parametrize("name", ["lanes", "terminations", "causes", "dose"])
def test_its_pictures(findings: Findings, golden: Golden, name: str) -> None:
    assert findings.recommendation is not None
    rows = advice_rows(findings.recommendation) if name == "dose" else pictures.gathered(findings.diagnosis, name)
    [drawn] = [each for key, each in drawing.draw(rows, language("en")).items() if key == name]
    golden(f"{name}.svg", drawn.still.replace("><", ">\n<") + "\n")
    golden(f"{name}.vl.json", json.dumps(drawn.specification, ensure_ascii=False, indent=1) + "\n")


def test_the_findings_as_json(findings: Findings, golden: Golden) -> None:
    golden("report.json", as_json(findings.as_json()).replace(__version__, "VERSION"))


def test_the_summary_for_a_pull_request(findings: Findings, golden: Golden) -> None:
    golden("report.md", as_markdown(findings.diagnosis))


def test_what_pipelines_read(findings: Findings, golden: Golden) -> None:
    golden("report.sarif", as_sarif(findings.diagnosis).replace(__version__, "VERSION"))
    golden("report.junit.xml", as_junit(findings.diagnosis).replace("><", ">\n<"))
