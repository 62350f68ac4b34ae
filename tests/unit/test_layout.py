"""Columns and paragraphs: never wider than asked, nothing lost, nothing that commands a terminal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from zdtrace.reporting.layout import Column, Style, grid, width_of, wrapped

PLAIN = Style(is_colored=False)


def test_numbers_stand_right_and_words_left() -> None:
    columns = [Column("CAUSE"), Column("FAILED", is_number=True), Column("TITLE")]
    assert grid(columns, [["a", "7", "x"], ["bbb", "20 000", "y"]], width=80, style=PLAIN) == (
        "CAUSE  FAILED  TITLE\n"
        "a           7  x\n"
        "bbb    20 000  y\n"
    )


def test_the_last_column_is_wrapped_below_itself() -> None:
    text = grid([Column("A"), Column("B")], [["one", "a few words that do not fit"]], width=25, style=PLAIN)
    assert text == "A    B\none  a few words that do\n     not fit\n"


def test_chinese_takes_two_cells() -> None:
    assert width_of("滚动") == 4
    assert wrapped("滚动更新", 4) == ["滚动", "更新"]


def test_colours_are_around_headings_only_and_change_no_width() -> None:
    columns, rows = [Column("A"), Column("B")], [["x", "y"]]
    colored = grid(columns, rows, width=80, style=Style(is_colored=True))
    assert colored.replace("\x1b[1m", "").replace("\x1b[0m", "") == grid(columns, rows, width=80, style=PLAIN)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=120), st.integers(min_value=2, max_value=40))
def test_no_line_is_too_wide_and_no_letter_is_lost(text: str, width: int) -> None:
    lines = wrapped(text, width)
    longest_escape = max((len(each.encode("unicode_escape")) for each in text), default=0)
    assert all(width_of(line) <= max(width, longest_escape) for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    ).replace(" ", "")
    assert "".join(lines).isprintable()
