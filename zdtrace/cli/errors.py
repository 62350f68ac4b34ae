"""From what went wrong to an exit code and two lines that help."""

from __future__ import annotations

import os
import sys
import traceback

import typer

from zdtrace.cli.console import say_error
from zdtrace.errors import ZdtraceError

WRONG_USE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell reports of a program that SIGPIPE ended: that `head` had enough is no failure of ours."""


def answer(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong and return the exit code; with `debug` the traceback comes first."""
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    if debug:
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        say_error("interrupted")
        return INTERRUPTED
    if isinstance(error, ZdtraceError):
        say_error(error.message, error.hint)
        return error.exit_code
    if isinstance(error, typer.TyperException):
        say_error(_in_our_words(error.format_message()), _where_help_is(error))
        return error.exit_code
    hint = "this is a bug, please report it" if debug else "run it again with --debug to see where"
    say_error(_unplanned(error), hint)
    return WRONG_USE


def _in_our_words(message: str) -> str:
    return (message[:1].lower() + message[1:]).rstrip(".")


def _where_help_is(error: typer.TyperException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` shows what can be said" if context else None


def _unplanned(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"`{error.filename}`: {error.strerror}" if error.filename else error.strerror
    return f"unexpected {type(error).__name__}: {error}"


def let_go_of_stdout() -> bool:
    """Write out what is left for stdout; return False when nobody reads it any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
