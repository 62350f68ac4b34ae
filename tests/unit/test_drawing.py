"""Pictures that another process draws are those that we would draw; without it they are there all the same."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping

import pytest
from builders import Incident, refused

from zdtrace.analysis.diagnosis import Rows, diagnose
from zdtrace.recording.store import open_recording
from zdtrace.reporting import drawing, pictures
from zdtrace.reporting.language import language


@pytest.fixture(scope="module")
def rows() -> Mapping[str, Rows]:
    story = Incident().pod("a", ip="10.0.0.1", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
    for number in range(20):
        story.request(1_100 + number * 10, refused("a"))
    with story.recorded() as folder:
        return pictures.gathered(diagnose(open_recording(folder)))


@pytest.mark.parametrize("code", ["en", "zh"])
def test_a_process_of_its_own_draws_the_same(rows: Mapping[str, Rows], code: str) -> None:
    with drawing.studio() as studio:
        drawn = studio.draw(rows, language(code)).result()
        again = studio.draw(rows, language(code)).result()
    ours = drawing.draw(rows, language(code))
    assert [*drawn] == [*ours] == ["lanes", "terminations", "causes"]
    assert drawn == again
    assert {name: each.still for name, each in drawn.items()} == {name: each.still for name, each in ours.items()}


def test_when_the_process_dies_the_pictures_are_drawn_all_the_same(rows: Mapping[str, Rows]) -> None:
    with drawing.studio() as studio:
        assert studio._process is not None
        os.kill(studio._process.pid, signal.SIGKILL)
        assert [*studio.draw(rows, language("en")).result()] == ["lanes", "terminations", "causes"]


def test_where_no_process_can_be_had_the_pictures_are_drawn_all_the_same(
    rows: Mapping[str, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with drawing.studio() as studio:
        assert [*studio.draw(rows, language("en")).result()] == ["lanes", "terminations", "causes"]
