"""A cluster that is no cluster, and what a recorder heard of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi

from zdtrace.collectors.api import Access, Api, connect
from zdtrace.collectors.recorder import Recorder, Wanted
from zdtrace.recording.journal import CLUSTER, Journal


@pytest.fixture
def fake() -> Iterator[FakeApi]:
    with FakeApi() as api:
        yield api


@pytest.fixture
def api(fake: FakeApi, tmp_path: Path) -> Iterator[Api]:
    found = connect(Access(kubeconfig=str(fake.kubeconfig(tmp_path)), timeout_s=5))
    yield found
    found.close()


class Heard:
    """A recorder at work, and its journal as far as it is written."""

    def __init__(self, api: Api, folder: Path, wanted: Wanted) -> None:
        self.folder = folder
        folder.mkdir()
        self.warnings: list[str] = []
        self.journal = Journal(folder)
        self.recorder = Recorder(api, self.journal, wanted, self.warnings.append)
        self.late = self.recorder.start()

    def lines(self) -> list[dict[str, Any]]:
        self.journal.flush()
        text = (self.folder / "journal" / CLUSTER).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def versions(self, kind: str = "Pod") -> list[tuple[str, str, int]]:
        return [
            (line["type"], line["object"]["metadata"]["name"], int(line["object"]["metadata"]["resourceVersion"]))
            for line in self.lines() if "object" in line and line["object"]["kind"] == kind
        ]

    def names(self, kind: str) -> set[str]:
        return {name for _, name, _ in self.versions(kind)}

    def gaps(self, subject: str = "pods") -> list[dict[str, Any]]:
        return [line["gap"] for line in self.lines() if "gap" in line and line["gap"]["subject"] == subject]

    def until(self, holds: Callable[[], object], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not in {seconds} s: {self.lines()[-5:]}"
            time.sleep(0.02)

    def stop(self) -> None:
        self.recorder.stop()
        self.journal.close("told to")


@pytest.fixture
def listen(api: Api, tmp_path: Path) -> Iterator[Callable[..., Heard]]:
    every: list[Heard] = []

    def start(**wanted: Any) -> Heard:
        heard = Heard(api, tmp_path / f"rec{len(every)}", Wanted(**{"namespace": "default", **wanted}))
        every.append(heard)
        return heard

    yield start
    for each in every:
        each.stop()
