"""Documents that cannot go stale unseen: generated pages, links, decisions, pins."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES: dict[str, Callable[[], str]] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_says_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name](), "run `just docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(each.relative_to(ROOT)) for each in DOCUMENTS])
def test_what_a_document_links_to_is_there(document: Path) -> None:
    targets = LINK.findall(document.read_text(encoding="utf-8"))
    missing = [each for each in targets if "://" not in each and not (document.parent / each).exists()]
    assert missing == []


def test_every_decision_is_listed() -> None:
    pages = {page.name for page in (ROOT / "docs" / "decisions").glob("0*.md")}
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    assert set(LINK.findall(listed)) == pages


def test_the_pins_name_no_host_and_have_a_hash_for_every_package() -> None:
    pins = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert "://" not in pins
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", pins, re.MULTILINE)
    packages = re.findall(r"^[\w.-]+==\S+.*(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+", pins, re.MULTILINE)
    assert len(packages) == len(re.findall("^[a-z]", pins, re.MULTILINE)) > 50
