"""Pages of recordings that mean harm, and of those that are large."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile
from hostile import EVIL
from imported_files import imported

from zdtrace.recording.store import open_recording

Visit = Callable[..., Any]
SECOND_NS = 1_000_000_000
BEGAN_NS = 1_795_450_667 * SECOND_NS


def test_what_strangers_wrote_is_shown_and_never_obeyed(
    visit: Visit, written: Callable[..., Path], tmp_path: Path
) -> None:
    recording = imported(tmp_path / "evil", hostile.lines())
    load = next(each for each in open_recording(recording).manifest.sources if each.name.startswith("k6"))
    kept = load.rows_kept  # a line of a megabyte may be a reject, and then it is counted as one
    assert (kept + load.rejects, kept >= len(EVIL) - 1) == (len(EVIL), True)
    for lang in ("en", "zh"):
        seen = visit(written(recording, lang))
        seen.keep(f"hostile-{lang}", full_page=True)
        assert (seen.complaints, seen.requests) == ([], [])
        assert seen.page.evaluate("window.evil") is None
        assert seen.page.locator("#failed tbody tr").count() == kept
        assert seen.page.locator("main b b, main img, main iframe, a[href^='javascript:']").count() == 0
        text = seen.page.inner_text("body")
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 1280
        still = visit(written(recording, lang), has_script=False)
        assert still.page.locator("main b b, main img").count() == 0


def test_half_of_ten_thousand_requests_failed_and_the_page_stays_small_and_quick_to_use(
    visit: Visit, written: Callable[..., Path], tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    lines = [
        json.dumps({
            "latency": chance.uniform(0.001, 0.3), "timestamp": BEGAN_NS + number * 2_000_000, "thread": number % 50,
            "iter": number, "ok": number % 2 == 0, "details": "200" if number % 2 == 0 else "502",
        })
        for number in range(10_000)
    ]
    recording = imported(tmp_path / "half", {"fortio.ndjson": lines})
    path = written(recording)
    assert path.stat().st_size < 5_000_000
    seen = visit(path)
    seen.keep("half-failed", full_page=False)
    assert (seen.complaints, seen.requests) == ([], [])
    assert seen.page.text_content("#shown") == "5\u00a0000 of 5\u00a0000 rows"
    marks = json.loads(seen.page.text_content("#data"))["pictures"]["lanes"]["datasets"]
    counts = [sum(row.get("failed_count", 0) for row in each if "latency_ms" in row) for each in marks.values()]
    assert 5_000 in counts
    seen.page.fill("#filter-text", "fortio.ndjson:9998")
    assert seen.page.text_content("#shown") == "1 of 5\u00a0000 rows"
    still = visit(path, has_script=False)
    assert still.page.locator("#failed tbody tr").count() == 5_000
