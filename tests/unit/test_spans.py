"""One grammar for spans of time: in options, in experiments' files, in the words of load tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdtrace.errors import UsageError
from zdtrace.spans import seconds_of, span_s


@pytest.mark.parametrize(("written", "seconds"), [
    ("90s", 90), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1m500ms", 60.5), ("2m3s", 123), ("7d", 604_800),
    ("1d12h", 129_600), ("1.5h", 5400), ("0.5s", 0.5), ("0", 0), ("0s", 0), ("40", 40), ("2.5", 2.5), (10, 10),
    (0.25, 0.25),
])
def test_a_span_is_read(written: object, seconds: float) -> None:
    assert seconds_of(written) == seconds


@pytest.mark.parametrize("written", [
    "", " ", "s", "5 s", "-5s", "5x", "30m1h", "1h1h", "1e3", "inf", "nan", ".5s", "5.s", "٣s", "9" * 400, "99999999d",
    -1, float("inf"), float("nan"), True, None, [], b"5s",
])
def test_what_is_no_span_is_none(written: object) -> None:
    assert seconds_of(written) is None


def test_an_option_that_is_no_span_is_named() -> None:
    assert span_s("1h30m", "--for") == 5400
    with pytest.raises(UsageError, match="`--for soon` is no time"):
        span_s("soon", "--for")


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(1, 999))
def test_the_parts_add_up(hours: int, minutes: int, seconds: int, thousandths: int) -> None:
    found = seconds_of(f"{hours}h{minutes}m{seconds}s{thousandths}ms")
    assert found == pytest.approx(hours * 3600 + minutes * 60 + seconds + thousandths / 1000)


@given(st.text())
def test_any_text_is_a_span_or_none(text: str) -> None:
    found = seconds_of(text)
    assert found is None or found >= 0
