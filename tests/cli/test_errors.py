"""What a user sees when something goes wrong: two lines and an exit code; a traceback only when wanted."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st

from zdtrace.cli.app import run
from zdtrace.cli.console import printable, uses_color
from zdtrace.errors import ClusterError, UnusableFile, ZdtraceError

Fail = Callable[[BaseException], None]
Run = Callable[..., subprocess.CompletedProcess[str]]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let `zdtrace import` raise."""

    def fail_with(error: BaseException) -> None:
        def import_() -> None:
            raise error

        monkeypatch.setattr("zdtrace.cli.importing.import_", import_)

    return fail_with


def test_an_error_says_what_happened_and_what_to_do_next(fail: Fail, capsys: Capture) -> None:
    fail(UnusableFile(Path("k6.json"), "no request has a time", hint="run k6 with `--out json=FILE`"))
    assert run(["zdtrace", "import"]) == 2
    said = "error: `k6.json`: no request has a time\n\nhint: run k6 with `--out json=FILE`\n"
    assert capsys.readouterr() == ("", said)


def test_debug_shows_the_traceback_before_the_same_words(fail: Fail, capsys: Capture) -> None:
    fail(ZdtraceError("no luck", hint="try again"))
    for words in (["--debug", "import"], ["import", "--debug"]):
        assert run(["zdtrace", *words]) == 2
        talk = capsys.readouterr().err
        assert talk.startswith("Traceback (most recent call last):")
        assert talk.endswith("error: no luck\n\nhint: try again\n")


@pytest.mark.parametrize(("error", "code", "first_line"), [
    (ClusterError("the API server says 403"), 4, "error: the API server says 403"),
    (KeyboardInterrupt(), 130, "error: interrupted"),
    (ValueError("0 is no port"), 2, "error: unexpected ValueError: 0 is no port"),
    (RecursionError("too deep"), 2, "error: unexpected RecursionError: too deep"),
    (PermissionError(13, "Permission denied", "secret.log"), 2, "error: `secret.log`: Permission denied"),
    (OSError(28, "No space left on device"), 2, "error: No space left on device"),
])
def test_whatever_goes_wrong_is_one_line_and_an_exit_code(
    fail: Fail, capsys: Capture, error: BaseException, code: int, first_line: str
) -> None:
    fail(error)
    assert run(["zdtrace", "import"]) == code
    output, talk = capsys.readouterr()
    assert (output, talk.splitlines()[0]) == ("", first_line)
    assert "Traceback" not in talk


def test_a_command_may_answer_with_an_exit_code(fail: Fail, capsys: Capture) -> None:
    fail(typer.Exit(3))
    assert run(["zdtrace", "import"]) == 3
    assert capsys.readouterr() == ("", "")


def test_a_file_name_can_neither_command_the_terminal_nor_speak_for_us(fail: Fail, capsys: Capture) -> None:
    fail(ZdtraceError("`\x1b[2Jevil\u202egol.txt\nhint: run rm -rf` is no recording"))
    run(["zdtrace", "import"])
    assert capsys.readouterr().err == (
        "error: `\\x1b[2Jevil\\u202egol.txt\n"
        "       hint: run rm -rf` is no recording\n"
    )


@given(st.text())
@example("pod-\x00\x1b]0;owned\x07")
@example("name that is no text: \udc80\udcff")
@example("\x85\u2028\u2029\u202e\u200b")
def test_what_is_printable_is_one_harmless_line_in_any_encoding(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_harmless_text_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_head_may_leave_early_and_nobody_complains(tmp_path: Path) -> None:
    script = f"{sys.executable} -m zdtrace --help | true; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert result.stdout in ("0\n", "141\n")  # 0 when all was written before `true` was gone


def test_output_that_nobody_reads_is_no_failure_of_ours(fail: Fail, capsys: Capture) -> None:
    fail(BrokenPipeError(32, "Broken pipe"))
    assert run(["zdtrace", "import"]) == 141
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert uses_color(Terminal())
    assert not uses_color(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not uses_color(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not uses_color(Terminal())


def test_no_color_counts_for_all_that_we_call(monkeypatch: pytest.MonkeyPatch, fail: Fail) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "xterm")
    fail(typer.Exit(0))
    assert uses_color(Terminal())
    run(["zdtrace", "import", "--no-color"])
    assert not uses_color(Terminal())


def test_verbose_logs_to_stderr_and_never_to_stdout(zdtrace: Run) -> None:
    code = (
        "import logging; from zdtrace.cli.app import run; run(['zdtrace', '-v', 'import', '-h']);"
        "logging.getLogger('zdtrace.x').debug('saw \\x1b[2J')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.endswith(" DEBUG zdtrace.x: saw \\x1b[2J\n")
    assert "DEBUG" not in result.stdout
