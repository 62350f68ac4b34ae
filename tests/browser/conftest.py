"""A real Chromium without any network, and pages to open in it."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from zdtrace.analysis.findings import find
from zdtrace.importers.batch import import_paths
from zdtrace.recording.store import open_recording
from zdtrace.reporting.html import as_html
from zdtrace.reporting.language import language

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data" / "rollout-ingress"
PICTURES = ROOT / "artifacts"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)
_COLOURS = """async (png) => {
    const image = new Image();
    image.src = "data:image/png;base64," + png;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width; canvas.height = image.height;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data, counts = {};
    for (let at = 0; at < pixels.length; at += 4) {
        const name = [0, 1, 2].map((part) => pixels[at + part].toString(16).padStart(2, "0")).join("");
        counts[name] = (counts[name] || 0) + 1;
    }
    return counts;
}"""


@dataclass
class Seen:
    """What a page did: what it complained of, and what it asked the network for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def ask(self, request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.requests.append(request.url)

    def keep(self, name: str, **options: Any) -> None:
        """Keep a screenshot for people to look at, in a folder that git ignores."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", **options)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        assert "CI" not in os.environ, "no Chromium is here: .ci/run installs it"
        pytest.skip("no Chromium is here (apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Seen]]:
    """Open a page: `visit(path, "#cause=x", width=360, is_dark=True, has_script=False)`; waits until it is drawn."""
    contexts = []

    def opened(
        path: Path | str, anchor: str = "", *, width: int = 1280, height: int = 900, is_dark: bool = False,
        has_script: bool = True, wait: bool = True,
    ) -> Seen:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if is_dark else "light",
            java_script_enabled=has_script, offline=isinstance(path, Path),
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        seen = Seen(context.new_page())
        seen.page.on("console", seen.note)
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("request", seen.ask)
        seen.page.goto((path.as_uri() if isinstance(path, Path) else path) + anchor)
        if has_script and wait:
            seen.page.wait_for_selector("html[data-ready=yes]", state="attached")
        return seen

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def colours(browser: Browser) -> Callable[[bytes], dict[str, int]]:
    """Count the pixels of each colour in a PNG."""

    def counted(png: bytes) -> dict[str, int]:
        page = browser.new_page()
        counts: dict[str, int] = page.evaluate(_COLOURS, base64.b64encode(png).decode())
        page.close()
        return counts

    return counted


@pytest.fixture(scope="session")
def rollout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording that `zdtrace demo` makes: 40 of 20 000 requests failed behind nginx."""
    into = tmp_path_factory.mktemp("rollout") / "rollout.zdtrace"
    assert import_paths(sorted(SAMPLE.glob("*.zst")), into).is_complete
    return into


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the page of a recording once: `written(recording, lang="zh")`."""
    known: dict[tuple[Path, str], Path] = {}

    def write(recording: Path, lang: str = "en") -> Path:
        key = (recording, lang)
        if key not in known:
            path = tmp_path_factory.mktemp("page") / "report.html"
            text = as_html(find(open_recording(recording)), language(lang), command="zdtrace report REC")
            path.write_bytes(text.encode(errors="backslashreplace"))
            known[key] = path
        return known[key]

    return write


@pytest.fixture(scope="session")
def page(rollout: Path, written: Callable[..., Path]) -> Path:
    """The page of the demo's recording."""
    return written(rollout)
