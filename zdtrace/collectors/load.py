"""The load command: what is added to it so that it logs each request, and how it is run.

What the user said stays: an option is added only where none of its kind is there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO

from zdtrace.collectors.probing import Target
from zdtrace.errors import UsageError

_PROBE = "zdtrace-probe"
_FORTIO_LOG = ("-access-log-file", "--access-log-file")
VEGETA_RESULTS = "vegeta-results"
"""What `vegeta attack` writes: only `vegeta encode` can read it."""

_LISTENER = '''"""Writes a row for each request that Locust sends. Written by `zdtrace record`."""
import csv

from locust import events

_file = open({path!r}, "a", newline="", buffering=1)
_rows = csv.writer(_file)
_rows.writerow("start_time request_type name response_time_ms response_length status exception url".split())


@events.request.add_listener
def _write(request_type, name, response_time, response_length, exception, start_time=None, url=None, **more):
    response = more.get("response")
    status = getattr(response, "status_code", "")
    _rows.writerow([start_time, request_type, name, response_time, response_length, status, exception or "", url or ""])
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A command that is ready to run, and the files that will hold its requests: path to format, empty if it tells.

    `saves_stdout` and `saves_stderr` are where to keep a copy of what it prints.
    """

    words: tuple[str, ...]
    files: Mapping[Path, str]
    added: tuple[str, ...] = ()
    saves_stdout: Path | None = None
    saves_stderr: Path | None = None


def prepare(words: list[str], folder: Path, requests: Path | None) -> Load:
    """Return how to run a load command so that it logs each request; logs that we ask for go to `folder`.

    `requests` names the file that the command itself writes. Raises UsageError when there is no such program, or
    none of its requests would be logged.
    """
    if shutil.which(words[0]) is None:
        raise UsageError(f"there is no command `{words[0]}`", hint="is it installed, and on PATH?")
    if requests is not None:
        return Load(words=tuple(words), files={requests: ""})
    tool = tool_of(words)
    known = _TOOLS.get(tool)
    if known is None:
        raise UsageError(
            f"how `{tool}` logs single requests is not known",
            hint="name its per-request log with --requests FILE, or use fortio, k6, vegeta, oha, hey, JMeter, Locust "
            "or `zdtrace probe`",
        )
    return known(words, folder)


def tool_of(words: Sequence[str]) -> str:
    """Return the load test that a command runs: `k6` of `/opt/bin/k6 run …`, `locust` of `python3 -m locust …`."""
    if not words:
        return ""
    name = PurePath(words[0]).name.lower().removesuffix(".exe").removesuffix(".sh").removeprefix("kubectl-")
    return words[2].lower() if name.startswith("python") and len(words) > 2 and words[1] == "-m" else name


def is_read_live(words: Sequence[str]) -> bool:
    """Tell whether a command's log has a JSON line for each request as soon as that has ended.

    Others write when all is over (hey, oha), in blocks (JMeter), or in a format of their own (vegeta).
    """
    tool, rest = tool_of(words), list(words)
    if tool == "fortio":
        is_ours = value_of(rest, *_FORTIO_LOG) is None
        return is_ours or value_of(rest, "-access-log-format", "--access-log-format") in ("json", None)
    return tool == "zdtrace" or (tool == "k6" and not (_k6_output(rest) or "json=").startswith("csv="))


def _fortio(words: list[str], folder: Path) -> Load:
    if "load" not in words[1:]:
        raise UsageError("`fortio` is known with `load` only", hint="write it as fortio load -c 50 -qps 500 … URL")
    said = value_of(words, *_FORTIO_LOG)
    log = Path(said) if said else folder / "fortio.ndjson"
    added = () if said else ("-access-log-file", str(log), "-access-log-format", "json")
    stderr = folder / "fortio.stderr.log"
    return Load(
        words=_behind(words, "load", added), files={log: "", stderr: "fortio-stderr"}, added=added, saves_stderr=stderr
    )


def _k6(words: list[str], folder: Path) -> Load:
    if "run" not in words[1:]:
        raise UsageError("`k6` is known with `run` only", hint="write it as k6 run script.js")
    said = _k6_output(words)
    log = Path(said.split("=", 1)[1]) if said else folder / "k6.json"
    added = () if said else ("--out", f"json={log}")
    return Load(words=_behind(words, "run", added), files={log: ""}, added=added)


def _k6_output(words: list[str]) -> str | None:
    """Return `json=FILE` or `csv=FILE` where the command says one; it may have several outputs."""
    outputs = [value_of([words[0], *rest], "--out", "-o") for rest in _suffixes(words)]
    return next((each for each in outputs if each and each.startswith(("json=", "csv="))), None)


def _vegeta(words: list[str], folder: Path) -> Load:
    if "attack" not in words[1:]:
        raise UsageError("`vegeta` is known with `attack` only", hint="write it as vegeta attack -rate 500 …")
    said = value_of(words, "-output", "--output")
    binary = Path(said) if said else folder / "vegeta.bin"
    added = () if said else ("-output", str(binary))
    return Load(words=_behind(words, "attack", added), files={binary: VEGETA_RESULTS}, added=added)


def _hey(words: list[str], folder: Path) -> Load:
    said = value_of(words, "-o")
    if said not in (None, "csv"):
        raise UsageError(f"`hey -o {said}` logs no single requests", hint="leave -o out: `-o csv` is added then")
    log = folder / "hey.csv"
    added = () if said else ("-o", "csv")
    return Load(words=(words[0], *added, *words[1:]), files={log: "hey-csv"}, added=added, saves_stdout=log)


def _oha(words: list[str], folder: Path) -> Load:
    said = value_of(words, "--db-url")
    log = Path(said) if said else folder / "oha.sqlite"
    added = () if said else ("--db-url", str(log))
    return Load(words=(words[0], *added, *words[1:]), files={log: ""}, added=added)


def _jmeter(words: list[str], folder: Path) -> Load:
    said = value_of(words, "-l", "--logfile")
    log = Path(said) if said else folder / "jmeter.jtl"
    added: tuple[str, ...] = () if said else ("-l", str(log))
    if not {"-n", "--nongui"} & set(words):
        added = ("-n", *added)
    return Load(words=(words[0], *added, *words[1:]), files={log: ""}, added=added)


def _locust(words: list[str], folder: Path) -> Load:
    log, listener = folder / "locust.csv", folder / "zdtrace_listener.py"
    listener.write_text(_LISTENER.format(path=str(log)), encoding="utf-8")
    said = value_of(words, "-f", "--locustfile")
    both = f"{said or 'locustfile.py'},{listener}"
    return Load(words=(*_without(words, "-f", "--locustfile"), "-f", both), files={log: ""}, added=("-f", both))


def _probe(words: list[str], folder: Path) -> Load:
    if "probe" not in words[1:]:
        raise UsageError("`zdtrace` is known with `probe` only", hint="write it as zdtrace probe URL --for 60s")
    said = value_of(words, "--log")
    log = Path(said) if said else folder / "probe.ndjson"
    added = () if said else ("--log", str(log))
    return Load(words=_behind(words, "probe", added), files={log: _PROBE}, added=added)


def probing(
    url: str, folder: Path, *, rate: float, for_s: float | None = None, is_canary: bool = False,
    options: Iterable[str] = (),
) -> Load:
    """Return how to run our own load test, with further options. Raises UsageError when the URL cannot be asked for."""
    Target(url=url)
    log = folder / ("canary.ndjson" if is_canary else "probe.ndjson")
    words = [sys.executable, "-m", "zdtrace", "probe", url, "--rate", f"{rate:g}", "--log", str(log)]
    words += ["--parent", str(os.getpid())]
    words += ["--for", f"{for_s:g}s"] if for_s is not None else []
    words += ["--as-canary", "--quiet"] if is_canary else []
    words += options
    return Load(words=tuple(words), files={log: _PROBE})


_TOOLS: dict[str, Callable[[list[str], Path], Load]] = {
    "fortio": _fortio, "k6": _k6, "vegeta": _vegeta, "hey": _hey, "oha": _oha, "jmeter": _jmeter, "locust": _locust,
    "zdtrace": _probe,
}


def value_of(words: Iterable[str], *names: str) -> str | None:
    """Return the value of an option, written as `-o VALUE`, `-o=VALUE` or, with one letter, `-oVALUE`; or null."""
    rest = list(words)[1:]
    for number, word in enumerate(rest):
        if word in names:
            return rest[number + 1] if number + 1 < len(rest) else None
        name, is_pair, value = word.partition("=")
        if is_pair and name in names:
            return value
    return None


def _suffixes(words: list[str]) -> list[list[str]]:
    return [words[number:] for number in range(1, len(words))]


def _behind(words: list[str], command: str, added: tuple[str, ...]) -> tuple[str, ...]:
    at = words.index(command, 1) + 1
    return (*words[:at], *added, *words[at:])


def _without(words: list[str], *names: str) -> tuple[str, ...]:
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in names:
            skip = True
        elif word.partition("=")[0] not in names:
            kept.append(word)
    return tuple(kept)


class Running:
    """The command, running. What it prints is passed through; copies are kept where the load wants them.

    `talk` is a file that gets it, at its end, instead of our own stdout and stderr.
    """

    def __init__(self, load: Load, talk: Path | None = None) -> None:
        self.load = load
        self.started_at_ns = time.time_ns()
        copies = (load.saves_stdout, load.saves_stderr)
        log = talk.open("ab", buffering=0) if talk is not None else None
        self._process = subprocess.Popen(  # noqa: S603 - it is what the user asked to run
            load.words,
            stdout=subprocess.PIPE if load.saves_stdout else log,
            stderr=subprocess.PIPE if load.saves_stderr else log,
            # Ctrl-C reaches the command by the terminal, or by us when there is none.
        )
        streams = ((self._process.stdout, sys.stdout), (self._process.stderr, sys.stderr))
        self._copiers = [
            threading.Thread(target=_copy, args=(source, log or target.buffer, copy), daemon=True)
            for (source, target), copy in zip(streams, copies, strict=True) if source is not None and copy is not None
        ]
        self._log = log
        for each in self._copiers:
            each.start()

    def wait(self, seconds: float) -> int | None:
        """Wait for its end; return its exit code as a shell tells it, null when it still runs."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        for each in self._copiers:
            each.join(5.0)
        if self._log is not None:
            self._log.close()
        return code if code >= 0 else 128 - code

    def tell(self, number: int) -> None:
        """Pass a signal on, unless the terminal has done it: Ctrl-C goes to all that run in the foreground."""
        if number != signal.SIGINT or not os.isatty(0):
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def decode_vegeta(results: Path, log: Path, vegeta: str | None) -> str | None:
    """Turn what `vegeta attack` wrote into a line a request; return what went wrong, if anything.

    Results that break off, as after a kill, are decoded as far as they go.
    """
    program = shutil.which(vegeta or "vegeta")
    by_hand = f"vegeta encode -to json -output {log.name} {results}"
    if program is None:
        return f"vegeta is not here to decode what it wrote: run `{by_hand}` where it is, and import {log.name}"
    words = (program, "encode", "-to", "json", "-output", str(log), str(results))
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    return None if done.returncode == 0 else f"`{by_hand}` failed: {done.stderr.strip()[:200]}"


def _copy(source: IO[bytes], target: IO[bytes], copy: Path) -> None:
    with copy.open("wb") as file:
        while data := source.read1(1 << 16):  # type: ignore[attr-defined]
            file.write(data)
            file.flush()
            try:
                target.write(data)
                target.flush()
            except (OSError, ValueError):
                continue  # nobody reads it any more: the copy goes on
    source.close()
