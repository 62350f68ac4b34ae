"""What we say on a terminal, and how: stdout is data, stderr is talk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from zdtrace.printable import printable as printable

_ERROR, _HINT = "error: ", "hint: "


def say(text: str) -> None:
    """Write one line of talk to stderr."""
    sys.stderr.write(printable(text) + "\n")


def say_error(message: str, hint: str | None = None) -> None:
    """Say on stderr what happened and, after a blank line, what to do next."""
    sys.stderr.write(_block(_ERROR, message))
    if hint:
        sys.stderr.write("\n" + _block(_HINT, hint))


def _block(label: str, text: str) -> str:
    # Lines after the first are indented: no name with a line break in it can pass for a line of ours.
    lines = text.rstrip().split("\n")
    return label + ("\n" + " " * len(label)).join(printable(line) for line in lines) + "\n"


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show on stderr, if that is a terminal, how far long work is: call what this gives with the name of each step."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("", total=total)
        done = -1

        def step(name: str) -> None:
            nonlocal done
            done += 1
            shown.update(task, description=printable(name), completed=done)

        yield step


def uses_color(stream: TextIO) -> bool:
    """Tell whether to colour what goes to `stream`: a terminal, unless NO_COLOR or TERM=dumb says no."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def refuse_color() -> None:
    """Do what --no-color says, also for rich and for commands that we start: they all read NO_COLOR."""
    os.environ["NO_COLOR"] = "1"


def log_to_stderr() -> None:
    """Do what --verbose says: log lines of ours and of libraries go to stderr."""
    import logging

    class Printable(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return "\n  ".join(printable(line) for line in super().format(record).split("\n"))

    handler = logging.StreamHandler()
    handler.setFormatter(Printable("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("zdtrace").setLevel(logging.DEBUG)
