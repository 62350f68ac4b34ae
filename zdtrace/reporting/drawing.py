"""Pictures drawn by a process of their own: V8 takes a while to begin, while a recording is being read."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from zdtrace.analysis.diagnosis import Diagnosis, Rows
from zdtrace.analysis.findings import Findings
from zdtrace.reporting import advice, pictures
from zdtrace.reporting.language import Language, language

_SMALLEST = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "data": {"values": []}, "mark": "point"}
# The child gets our own path, not the folder that somebody stands in: what lies there is not ours to run.
_COMMAND = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from zdtrace.reporting.drawing import main; main()"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture: its specification in Vega-Lite, and the same as SVG for who runs no script."""

    specification: Mapping[str, Any]
    still: str


def draw(rows: Mapping[str, Rows], words: Language) -> dict[str, Drawn]:
    """Return all pictures that the rows have something to show for, drawn here and now."""
    return {
        name: Drawn(specification, pictures.svg(specification, prefix=name))
        for name, specification in pictures.specifications(rows, words).items()
    }


def rows_of(findings: Findings) -> dict[str, Rows]:
    """Return what the pictures of a page are drawn from."""
    advised = advice.rows(findings.recommendation) if findings.recommendation is not None else {}
    return pictures.gathered(findings.diagnosis) | advised


class Studio:
    """Draws the pictures of any number of pages beside its caller.

    Where no process can be had, or it ends before its time, the pictures are drawn in the caller's own.
    """

    def __init__(self, process: subprocess.Popen[bytes] | None, worker: ThreadPoolExecutor) -> None:
        self._process, self._worker = process, worker

    def draw(self, rows: Mapping[str, Rows], words: Language) -> Future[dict[str, Drawn]]:
        """Begin to draw, and return at once what will hold the pictures."""
        return self._worker.submit(self._draw, rows, words)

    def _draw(self, rows: Mapping[str, Rows], words: Language) -> dict[str, Drawn]:
        answer = self._asked({
            "language": words.code, "rows": {name: {"types": dict(each.types), "rows": each.rows}
                                             for name, each in rows.items()},
        })
        if answer is None:
            return draw(rows, words)
        return {name: Drawn(**each) for name, each in answer.items()}

    def _asked(self, order: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            return None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            self._process.kill()
            return None
        return answer


class Sitting:
    """The pictures of one page, begun when there is a verdict, before everything about it is known."""

    def __init__(self, studio: Studio, words: Language) -> None:
        self._studio, self._words = studio, words
        self._begun: list[Future[dict[str, Drawn]]] = []

    def begin(self, diagnosis: Diagnosis) -> None:
        """Draw what needs the verdict alone."""
        self._begun.append(self._studio.draw(pictures.gathered(diagnosis), self._words))

    def draw_rest(self, findings: Findings) -> None:
        """Draw what has not been begun."""
        if not self._begun:
            self.begin(findings.diagnosis)
        if findings.recommendation is not None:
            self._begun.append(self._studio.draw(advice.rows(findings.recommendation), self._words))

    def drawn(self) -> dict[str, Drawn]:
        """Return all of them, when they are ready."""
        return {name: each for begun in self._begun for name, each in begun.result().items()}


@contextlib.contextmanager
def studio() -> Iterator[Studio]:
    """Open a studio, which begins at once, and close it in the end."""
    process = _begun()
    with ThreadPoolExecutor(1, "drawing") as worker:
        try:
            yield Studio(process, worker)
        finally:
            if process is not None:
                process.kill()
                process.communicate()


def _begun() -> subprocess.Popen[bytes] | None:
    command = [sys.executable, "-P", "-c", _COMMAND, json.dumps(sys.path)]
    try:
        return subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None


def main() -> None:
    """Read a line of JSON an order, and write one with its pictures; ends with the input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller is interrupted too, and ends this
    pictures.svg(_SMALLEST)
    for line in sys.stdin.buffer:
        order = json.loads(line)
        rows = {name: Rows(each["types"], list(map(tuple, each["rows"]))) for name, each in order["rows"].items()}
        answer = {
            name: {"specification": each.specification, "still": each.still}
            for name, each in draw(rows, language(order["language"])).items()
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
