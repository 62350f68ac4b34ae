"""Pictures are drawn ahead: what is shipped is what altair draws, and what is filled is Vega-Lite."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from altair.vegalite.v6.schema.core import Root
from builders import Incident, answered, refused

from zdtrace.analysis.diagnosis import Rows, diagnose
from zdtrace.charts import HISTORY, PICTURES
from zdtrace.charts.base import Picture
from zdtrace.recording.store import open_recording
from zdtrace.reporting import pictures
from zdtrace.reporting.language import language
from zdtrace.resources import folder

EVERY = [*PICTURES.values(), HISTORY]


def drawn(story: Incident, *names: str, **rows: Rows) -> dict[str, dict[str, Any]]:
    """Return the pictures of a recording, each held against the schema of Vega-Lite."""
    with story.recorded() as path:
        found = pictures.specifications(
            {**pictures.gathered(diagnose(open_recording(path))), **rows}, language("en"), *names
        )
    for each in found.values():
        Root.from_dict(each)
        assert "$" not in json.dumps({key: value for key, value in each.items() if key != "$schema"})
    return found


def layers(node: Mapping[str, Any]) -> list[str]:
    """Return the names of the data of all layers."""
    own = [node["data"]["name"]] if "data" in node else []
    return own or [name for part in ("layer", "vconcat") for each in node.get(part, ()) for name in layers(each)]


@pytest.mark.parametrize("picture", EVERY, ids=[each.name for each in EVERY])
def test_what_is_shipped_is_what_altair_draws(picture: Picture) -> None:
    shipped = json.loads(folder("reports").joinpath(f"pictures/{picture.name}.json").read_text(encoding="utf-8"))
    assert shipped == picture.template(), "run `just pictures` and read the diff"


def test_a_rollout_with_losses_fills_every_layer() -> None:
    story = Incident().pod("a", ip="10.0.0.1", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
    for number in range(100):
        at = number * 20
        story.request(at, refused("a") if 1_100 < at < 1_200 else answered("b"))
    found = drawn(story)
    assert layers(found["lanes"]) == ["run", "lossy", "band", "failures", "lanes", "moments"]
    assert layers(found["terminations"]) == ["overlap", "steps", "failures"]
    assert sum(row["failed_count"] for row in found["causes"]["datasets"]["counts"]) == 4


def test_what_nothing_is_known_of_is_left_out() -> None:
    story = Incident()
    for number in range(100):
        story.request(number * 20, answered("b"))
    found = drawn(story)
    assert [*found] == ["lanes"]
    assert layers(found["lanes"]) == ["run", "band"]


@pytest.mark.parametrize(("marks", "lines"), [
    ([("now", 0.0), ("recommended", 4.0)], ["now", "now", "recommended", "recommended"]), ([], []),
])
def test_the_dose_has_a_line_for_each_known_prestop(marks: list[tuple[str, float]], lines: list[str]) -> None:
    doses = Rows(
        {"prestop_s": "BIGINT", "failed_certain": "BIGINT", "failed_possible": "BIGINT"}, [(0, 5, 8), (4, 0, 1)]
    )
    states = Rows({"state": "VARCHAR", "prestop_s": "DOUBLE"}, list(marks))
    [dose] = drawn(Incident().request(0, answered("b")), "dose", doses=doses, marks=states).values()
    assert [name for name in layers(dose) if name != "doses"] == lines


def test_a_page_needs_neither_altair_nor_polars() -> None:
    modules = "zdtrace.reporting.html, zdtrace.reporting.drawing, zdtrace.reporting.documents, zdtrace.charts"
    check = f"import sys, {modules}; sys.modules.update(altair=None, polars=None); from zdtrace.cli import main; main()"
    story = Incident().pod("a", ip="10.0.0.1").request(0, answered("a")).request(10, refused("a"))
    with story.recorded() as path:
        command = ["report", str(path), "-o", str(path.with_name("page.html"))]
        result = subprocess.run(
            [sys.executable, "-c", check, *command], capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        assert path.with_name("page.html").stat().st_size > 100_000
