"""Pages of recordings that mean harm, and of those that are large."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imported_files import imported

from zdtrace.recording.store import open_recording

Visit = Callable[..., Any]
SECOND_NS = 1_000_000_000
BEGAN_NS = 1_795_450_667 * SECOND_NS
EVIL = (
    "</script><script>window.evil = 1</script>", "</style><b>bold</b>", "<img src=x onerror=window.evil=1>",
    "javascript:window.evil=1", "\x1b[31mred\x1b[0m", "\u202egnp.exe", "=cmd|' /C calc'!A0", "[a](javascript:alert(1))",
    "{{ 7 * 7 }}", "'; drop table requests; --", "a" * 1_000_000,
)


def k6_line(number: int, url: str, error: str) -> str:
    return json.dumps({
        "metric": "http_req_duration", "type": "Point",
        "data": {"time": f"2026-11-23T16:17:{number % 60:02}.{number // 60:06}Z", "value": 12.5, "tags": {
            "url": url, "name": url, "method": "GET", "status": "502", "error": error, "error_code": "1502",
            "expected_response": "false", "group": "", "proto": "HTTP/1.1", "scenario": "default",
        }},
    })


def pod(number: int, name: str) -> str:
    return json.dumps({
        "type": "MODIFIED", "object": {
            "kind": "Pod", "apiVersion": "v1", "metadata": {
                "name": name, "namespace": "default", "uid": f"uid-{number}", "resourceVersion": str(100 + number),
                "creationTimestamp": "2026-11-23T16:17:00Z", "deletionTimestamp": "2026-11-23T16:17:35Z",
                "deletionGracePeriodSeconds": 30,
            },
            "spec": {"containers": [{"name": "app", "image": "app"}], "nodeName": name},
            "status": {"podIP": f"10.0.0.{number}", "conditions": [], "containerStatuses": []},
        },
    })


def test_what_strangers_wrote_is_shown_and_never_obeyed(
    visit: Visit, written: Callable[..., Path], tmp_path: Path
) -> None:
    files = {
        "k6 <b>&\"'.json": [k6_line(number, f"http://x/{text}", text) for number, text in enumerate(EVIL)],
        "pods.json": [pod(number, text[:300]) for number, text in enumerate(EVIL)],
    }
    recording = imported(tmp_path / "evil", files)
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
