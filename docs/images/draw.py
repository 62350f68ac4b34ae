"""Draw `demo.svg` and `demo-dark.svg`: what `zdtrace demo` writes on a terminal of 80 columns."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI, TerminalTheme
from rich.text import Text

HERE = Path(__file__).parent
LIGHT = TerminalTheme(
    (255, 255, 255), (36, 41, 47),
    [
        (36, 41, 47), (180, 20, 30), (17, 99, 41), (122, 77, 0), (9, 80, 180), (110, 60, 170), (20, 100, 110),
        (90, 95, 100),
    ],
)
# No font is fetched: a picture in a README may not reach for the network.
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg">
<title>zdtrace demo: 40 of 20 000 requests failed, with their causes and what to do</title>
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">{backgrounds}<g class="{unique_id}-matrix">
{matrix}
</g></g>
</svg>
"""


def written_by_demo() -> str:
    """Return what `zdtrace demo` writes to a terminal, colours included."""
    ours, theirs = pty.openpty()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "zdtrace", "demo", "-o", "demo.zdtrace"],
            cwd=folder, stdout=theirs, stderr=theirs,
            env={**os.environ, "COLUMNS": "80", "TERM": "xterm-256color", "NO_COLOR": ""},
        )
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:
            pass  # Linux says so when the other side has closed
        process.wait()
    return b"".join(parts).decode().replace("\r\n", "\n")


def main() -> None:
    """Draw both pictures."""
    text = Text.from_ansi("$ zdtrace demo\n" + written_by_demo())
    for name, theme in (("demo.svg", LIGHT), ("demo-dark.svg", DIMMED_MONOKAI)):
        console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True)
        console.print(text)
        svg = console.export_svg(title="", theme=theme, code_format=FRAME, unique_id="demo")
        if theme is LIGHT:
            svg = svg.replace("rgba(255,255,255,0.35)", "rgba(0,0,0,0.25)")  # else the border cannot be seen
        (HERE / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
