"""The journal of an experiment: each action is on the disk before it is taken, with all that is needed to undo it.

One JSON object a line, each handed to the disk (fsync) before anything else happens:

    {"at": "…", "zdtrace_chaos": 1, "id": "…", "experiment": "…", "target": {…}, "server": "https://…"}
    {"at": "…", "step": 1, "begins": "scale", "plan": {"victims": […], "edits": […], …}}      before the first write
    {"at": "…", "step": 1, "did": "…"}                                                        something on the way
    {"at": "…", "step": 1, "ends": "done"}                                                    or "failed: …"
    {"at": "…", "step": 1, "undone": "restored", "details": […]}
    {"at": "…", "closed": "finished"}                                                         or "aborted: …", "undone"

A last line that broke off was never acted upon. Who writes holds a lock on the file, so that nobody undoes an
experiment that still runs. Only its owner may read it: what a pod template says may be secret.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from zdtrace.chaos.cluster import Edit, Ref
from zdtrace.errors import ZdtraceError

VERSION = 1
SUFFIX = ".journal"
FINISHED = "finished"
_TRIES, _BLINK_S = 10, 0.02


class JournalError(ZdtraceError):
    """A journal cannot be written, or a file is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one action is about to do, exactly.

    `victims` are ended, `edits` are made; `impact` says in sentences what is to be expected. `takes_down` is how many
    ready pods of the workload are away at once because of it. `made` are objects that are created, by name.
    """

    action: str
    victims: tuple[Ref, ...] = ()
    edits: tuple[Edit, ...] = ()
    impact: tuple[str, ...] = ()
    takes_down: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    made: tuple[Ref, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for a journal, and for `-o json`."""
        return {
            "action": self.action, "victims": [each.as_json() for each in self.victims],
            "edits": [each.as_json() for each in self.edits], "impact": list(self.impact),
            "takes_down": self.takes_down, "settings": dict(self.settings),
            **({"made": [each.as_json() for each in self.made]} if self.made else {}),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Plan:
        """Read it from a journal."""
        return cls(
            action=str(found["action"]), victims=tuple(map(Ref.from_json, found["victims"])),
            edits=tuple(map(Edit.from_json, found["edits"])), impact=tuple(map(str, found["impact"])),
            takes_down=int(found["takes_down"]), settings=dict(found["settings"]),
            made=tuple(map(Ref.from_json, found.get("made") or ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a journal is about. `lease` names what its writer holds while it runs, if anything."""

    id: str
    experiment: str
    target: Ref
    server: str
    lease: str = ""


@dataclass(slots=True)
class Step:
    """One action of a journal. `ended` is empty while it runs, `undone` until it has been undone."""

    number: int
    plan: Plan
    began_at: str
    ended: str = ""
    undone: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A journal, read. `closed` is empty when its writer was cut off."""

    path: Path
    header: Header
    began_at: str
    steps: tuple[Step, ...]
    closed: str

    @property
    def to_undo(self) -> tuple[Step, ...]:
        """Return the steps that are not undone yet and changed something, the last first."""
        return tuple(each for each in reversed(self.steps) if not each.undone and (each.plan.edits or each.plan.made))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be done about it."""
        return bool(self.closed)


class ActionJournal:
    """Writes a journal. Raises JournalError when the disk does not take a line: what is not written is not done."""

    def __init__(self, path: Path, header: Header | None) -> None:
        """Begin a journal, or (without a header) go on with one that is there."""
        self.path = path
        self._steps = 0
        flags = os.O_WRONLY | os.O_APPEND | (os.O_CREAT | os.O_EXCL if header else 0)
        try:
            self._handle = os.open(path, flags, 0o600)
        except OSError as error:
            raise JournalError(f"`{path}` cannot be written: {error.strerror}") from error
        if not _locked(self._handle):
            os.close(self._handle)
            raise JournalError(
                f"the experiment of `{path}` still runs", hint="end it with Ctrl-C or SIGTERM: it undoes its work then"
            )
        if header is not None:
            self._write(
                zdtrace_chaos=VERSION, id=header.id, experiment=header.experiment, target=header.target.as_json(),
                server=header.server, lease=header.lease,
            )
            _sync_folder(path.parent)
        else:
            self._cut_half_line()

    def __enter__(self) -> ActionJournal:
        """Give itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Let go of the file and its lock."""
        os.close(self._handle)

    def begin(self, plan: Plan) -> int:
        """Write down what is about to be done; returns the step's number. Only then it may be done."""
        self._steps += 1
        self._write(step=self._steps, begins=plan.action, plan=plan.as_json())
        return self._steps

    def did(self, step: int, words: str) -> None:
        """Write down something that was done on the way."""
        self._write(step=step, did=words)

    def end(self, step: int, how: str = "done") -> None:
        """Write down how a step ended."""
        self._write(step=step, ends=how)

    def undone(self, step: int, how: str, details: tuple[str, ...] = ()) -> None:
        """Write down that a step was undone."""
        self._write(step=step, undone=how, details=list(details))

    def close(self, how: str = FINISHED) -> None:
        """Write the last line: nothing is left to be done."""
        self._write(closed=how)

    def _write(self, **what: Any) -> None:
        line = json.dumps({"at": _now(), **what}, ensure_ascii=False, separators=(",", ":")) + "\n"
        data = line.encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(self._handle, data):]
            os.fsync(self._handle)
        except OSError as error:
            raise JournalError(
                f"`{self.path}` cannot be written: {error.strerror}",
                hint="nothing is done that is not written down first: make room",
            ) from error

    def _cut_half_line(self) -> None:
        """Let no line of ours stand behind one that broke off."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self._handle, whole)


def new_id(experiment: str) -> str:
    """Return a name for a run: when, of what, and something that no other run has."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{experiment}-{secrets.token_hex(2)}"


def read_journal(path: Path) -> Story:
    """Read a journal. Raises JournalError when it is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise JournalError(f"`{path}` cannot be read: {error.strerror}") from error
    try:
        first, *others = [json.loads(each) for each in lines[:-1]]
        if first["zdtrace_chaos"] != VERSION:
            raise JournalError(f"`{path}` is of version {first['zdtrace_chaos']}", hint="install a newer zdtrace")
        header = Header(
            id=str(first["id"]), experiment=str(first["experiment"]), target=Ref.from_json(first["target"]),
            server=str(first["server"]), lease=str(first.get("lease") or ""),
        )
        steps: dict[int, Step] = {}
        closed = ""
        for each in others:
            closed = str(each.get("closed") or closed)
            _read_step(each, steps)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalError(
            f"`{path}` is no journal of an experiment: {type(error).__name__}: {str(error)[:100]}",
            hint="`zdtrace chaos list DIR` shows those in a folder",
        ) from error
    return Story(path, header, str(first["at"]), tuple(steps.values()), closed)


def _read_step(line: Mapping[str, Any], steps: dict[int, Step]) -> None:
    if "step" not in line:
        return
    number = int(line["step"])
    if "begins" in line:
        steps[number] = Step(number, Plan.from_json(line["plan"]), str(line["at"]))
    elif "ends" in line:
        steps[number].ended = str(line["ends"])
    elif "undone" in line:
        steps[number].undone = str(line["undone"])


def journals(folder: Path) -> list[Path]:
    """Return the journals of a folder and of the folders in it, oldest first by name."""
    return sorted({*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*/*{SUFFIX}")}, key=lambda path: path.name)


def is_running(path: Path) -> bool:
    """Tell whether the experiment of a journal still runs."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _locked(handle: int) -> bool:
    """Lock a file for us alone, within a moment: who only looks whether it is locked holds it for a blink."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_BLINK_S)
        else:
            return True
    return False


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _now() -> str:
    now_ns = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 10**9)) + f".{now_ns // 10**6 % 1000:03}Z"
