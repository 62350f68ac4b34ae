"""The report in a real Chromium, opened from disk, with the network off."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

Visit = Callable[..., Any]
VERMILION, BLUE, GREEN = "d55e00", "0072b2", "009e73"
JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
"""What Jenkins says of every page that a build leaves: https://www.jenkins.io/doc/book/security/configuring-content-security-policy/"""


def rows(seen: Any) -> list[list[str]]:
    found: list[list[str]] = seen.page.eval_on_selector_all(
        "#failed tbody tr", "lines => lines.map(line => [...line.cells].map(cell => cell.textContent))"
    )
    return found


def near(counts: dict[str, int], colour: str, distance: int = 40) -> int:
    """Count pixels of about a colour: marks let a little of the page through."""
    wanted = [int(colour[at : at + 2], 16) for at in (0, 2, 4)]
    return sum(
        count for name, count in counts.items()
        if all(abs(int(name[at : at + 2], 16) - wanted[at // 2]) <= distance for at in (0, 2, 4))
    )


def test_every_picture_is_drawn_and_nothing_is_asked_of_the_network(
    visit: Visit, page: Path, colours: Callable[[bytes], dict[str, int]]
) -> None:
    seen = visit(page)
    seen.keep("report", full_page=True)
    assert (seen.complaints, seen.requests) == ([], [])
    figures = seen.page.locator("figure[data-drawn=yes]")
    names = figures.evaluate_all("all => all.map(each => each.dataset.picture)")
    assert names == ["lanes", "terminations", "causes", "dose"]
    drawn = {name: colours(seen.page.locator(f"#picture-{name} .live").screenshot()) for name in names}
    assert near(drawn["lanes"], VERMILION) > 200
    assert near(drawn["lanes"], GREEN) > 2_000
    assert near(drawn["lanes"], BLUE) > 1_000
    assert near(drawn["terminations"], VERMILION) > 100
    assert near(drawn["causes"], VERMILION) > 5_000
    assert seen.page.locator(".still:visible").count() == 0


def test_a_filter_leaves_the_rows_that_it_names(visit: Visit, page: Path) -> None:
    seen = visit(page)
    assert len(rows(seen)) == 40
    seen.page.select_option("#filter-cause", "inflight_cut_sigterm")
    assert {row[4] for row in rows(seen)} == {"Cut in flight at SIGTERM"}
    assert seen.page.text_content("#shown") == "17 of 40 rows"
    seen.page.click("#filter-reset")
    seen.page.fill("#filter-text", "5362")
    assert [row[0] for row in rows(seen)] == ["fortio.ndjson.zst:5362"]


def test_a_heading_sorts_its_column_up_and_down(visit: Visit, page: Path) -> None:
    seen = visit(page)
    took = seen.page.locator("th[data-column=latency] button")
    took.press("Enter")
    first = [float(row[2]) for row in rows(seen)]
    assert first == sorted(first)
    took.press("Enter")
    assert [float(row[2]) for row in rows(seen)] == first[::-1]
    assert seen.page.get_attribute("th[data-column=latency]", "aria-sort") == "descending"


def test_a_period_drawn_with_the_mouse_filters_the_table(visit: Visit, page: Path) -> None:
    seen = visit(page)
    seen.page.locator("#picture-lanes").scroll_into_view_if_needed()
    box = seen.page.locator("#picture-lanes .live svg").bounding_box()
    left, right, y = box["x"] + box["width"] * 0.6, box["x"] + box["width"] * 0.9, box["y"] + 50
    seen.page.mouse.move(left, y)
    seen.page.mouse.down()
    seen.page.mouse.move(right, y, steps=8)
    seen.page.mouse.up()
    expect(seen.page.locator("#shown")).to_have_text(re.compile("^0 of 40"))
    assert float(seen.page.input_value("#period-from")) > 15


def test_a_period_typed_in_does_the_same(visit: Visit, page: Path) -> None:
    seen = visit(page)
    seen.page.fill("#period-from", "10.7")
    seen.page.fill("#period-until", "10.9")
    seen.page.press("#period-until", "Enter")
    expect(seen.page.locator("#shown")).to_contain_text("16 of 40")
    assert (seen.complaints, seen.requests) == ([], [])


CAUSES = "#picture-causes .live svg text"
OPEN_CIRCLES = "#picture-terminations .live svg path[stroke='#d55e00'][fill=transparent]"


def test_the_other_pictures_follow_the_period(visit: Visit, page: Path) -> None:
    seen = visit(page)
    texts = seen.page.locator(CAUSES).all_text_contents()
    assert {"23  tier B", "17  tier B"} <= set(texts)
    circles = seen.page.locator(OPEN_CIRCLES).count()
    seen.page.fill("#period-from", "10.7")
    seen.page.fill("#period-until", "10.9")
    seen.page.press("#period-until", "Enter")
    expect(seen.page.locator(CAUSES).filter(has_text=re.compile("^16 / 23$"))).to_have_count(1)
    expect(seen.page.locator(CAUSES).filter(has_text=re.compile("^0 / 17$"))).to_have_count(1)
    assert 0 < seen.page.locator(OPEN_CIRCLES).count() < circles
    assert "10.700 to 10.900 s" in seen.page.locator("#terminations .of-period").inner_text()
    seen.keep("period", full_page=True)
    seen.page.click("#period-reset")
    expect(seen.page.locator(CAUSES).filter(has_text="23  tier B")).to_have_count(1)
    assert seen.page.locator(OPEN_CIRCLES).count() == circles
    assert seen.page.locator(".of-period:visible").count() == 0
    assert (seen.complaints, seen.requests) == ([], [])


def test_a_link_to_a_request_opens_it(visit: Visit, page: Path) -> None:
    seen = visit(page, "#request=fortio.ndjson.zst%3A5362")
    detail = seen.page.locator("#detail")
    assert detail.is_visible()
    text = detail.inner_text()
    assert "fortio.ndjson.zst:5362" in text
    assert "nginx-access.ndjson.zst:5408" in text
    assert "zdtrace explain REC fortio.ndjson.zst:5362" in text
    seen.keep("deep-link")


def test_a_link_to_a_cause_shows_its_requests(visit: Visit, page: Path) -> None:
    seen = visit(page, "#cause=inflight_cut_sigterm")
    assert seen.page.text_content("#shown") == "17 of 40 rows"
    assert seen.page.locator("article.chosen h3").inner_text().startswith("Cut in flight at SIGTERM")


def test_it_is_dark_where_the_reader_wants_it_dark(
    visit: Visit, page: Path, colours: Callable[[bytes], dict[str, int]]
) -> None:
    seen = visit(page, is_dark=True)
    seen.keep("report-dark", full_page=True)
    counts = colours(seen.page.screenshot())
    assert max(counts, key=counts.__getitem__) == "14181d"
    seen.page.click("#theme")
    seen.page.wait_for_timeout(500)
    counts = colours(seen.page.screenshot())
    assert max(counts, key=counts.__getitem__) == "ffffff"


@pytest.mark.parametrize("width", [360, 3840])
def test_nothing_is_cut_off_on_a_phone_or_a_wall(visit: Visit, page: Path, width: int) -> None:
    seen = visit(page, width=width)
    seen.keep(f"report-{width}", full_page=True)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.page.evaluate(
        "[...document.querySelectorAll('.live svg')].every("
        "each => each.getBoundingClientRect().width <= each.closest('figure').clientWidth + 1)"
    )


def test_in_print_the_pictures_are_still_and_every_story_is_open(visit: Visit, page: Path) -> None:
    seen = visit(page, is_dark=True)
    seen.page.emulate_media(media="print")
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert seen.page.locator(".still:visible").count() >= 3
    assert seen.page.locator(".live:visible").count() == 0
    assert seen.page.locator("nav:visible, form:visible").count() == 0
    assert seen.page.locator("details.story:not([open])").count() == 0
    pdf = seen.page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 25
    seen.keep("report-print", full_page=True)


def test_without_javascript_all_is_there(
    visit: Visit, page: Path, colours: Callable[[bytes], dict[str, int]]
) -> None:
    seen = visit(page, has_script=False)
    seen.keep("report-no-script", full_page=True)
    assert seen.page.locator(".still:visible svg").count() >= 3
    assert near(colours(seen.page.locator("#picture-lanes .still").screenshot()), GREEN) > 2_000
    assert seen.page.locator("#failed tbody tr").count() == 40
    assert seen.page.locator("form:visible, button:visible").count() == 0
    assert "preStop 2 s, terminationGracePeriodSeconds 5: avoids 40 of 40" in seen.page.inner_text("#verdict")


@pytest.fixture(scope="module")
def served(page: Path) -> Iterator[Callable[[str], str]]:
    """Serve the page with a policy: `served("sandbox")` is its address."""
    policy = [""]

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", policy[0])
            super().end_headers()

        def log_message(self, *words: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(page.parent))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def address(text: str) -> str:
        policy[0] = text
        return f"http://127.0.0.1:{server.server_address[1]}/{page.name}"

    yield address
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("policy", [JENKINS, "default-src 'none'"])
def test_where_neither_script_nor_style_may_run_verdict_tables_and_pictures_are_still_there(
    visit: Visit, served: Callable[[str], str], policy: str, colours: Callable[[bytes], dict[str, int]]
) -> None:
    seen = visit(served(policy), wait=False)
    seen.keep("report-jenkins" if policy == JENKINS else "report-strict", full_page=True)
    assert seen.page.get_attribute("html", "data-ready") is None
    assert seen.page.inner_text("h1").startswith("FAIL 40 of 20 000 requests failed")
    assert seen.page.locator("#failed tbody tr").count() == 40
    for name, colour in (("lanes", GREEN), ("terminations", VERMILION), ("causes", VERMILION)):
        assert near(colours(seen.page.locator(f"#picture-{name} .still").screenshot()), colour) > 100
    assert seen.page.locator("form:visible, button:visible").count() == 0


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_axe_finds_nothing_serious(
    visit: Visit, rollout: Path, written: Callable[..., Path], lang: str, is_dark: bool
) -> None:
    seen = visit(written(rollout, lang), "#request=fortio.ndjson.zst%3A5362", is_dark=is_dark)
    seen.page.wait_for_timeout(300)
    found = Axe().run(seen.page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]][:3]) for each in serious] == []


def test_it_speaks_chinese(visit: Visit, rollout: Path, written: Callable[..., Path]) -> None:
    seen = visit(written(rollout, "zh"))
    seen.keep("report-zh", full_page=True)
    assert (seen.complaints, seen.requests) == ([], [])
    assert seen.page.get_attribute("html", "lang") == "zh-Hans"
    assert seen.page.inner_text("h1").startswith("未通过 20 000 个请求中有 40 个失败")
    seen.page.select_option("#filter-cause", "inflight_cut_sigterm")
    assert {row[4] for row in rows(seen)} == {"处理中被 SIGTERM 打断"}


def test_what_is_copied_is_the_command(visit: Visit, page: Path) -> None:
    seen = visit(page)
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = seen.page.locator("#reproduce .command .copy").first
    button.click()
    button.get_by_text("Copied").wait_for()
    assert (seen.complaints, seen.requests) == ([], [])


def test_the_data_in_the_page_is_what_the_table_shows(visit: Visit, page: Path) -> None:
    seen = visit(page)
    data = json.loads(seen.page.text_content("#data"))
    assert len(data["requests"]["line"]) == 40
    assert [row[0] for row in rows(seen)] == [
        f"{data['requests']['source']['names'][code]}:{line}"
        for code, line in zip(data["requests"]["source"]["codes"], data["requests"]["line"], strict=True)
    ]
