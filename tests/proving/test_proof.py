"""What a proof says, to people, to machines and on a page: never more than its rollouts support."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from plays import Play, run

from zdtrace.analysis.comparison import compare
from zdtrace.analysis.diagnosis import Diagnosis, diagnose
from zdtrace.importers.batch import import_paths
from zdtrace.proving.procedure import Course
from zdtrace.proving.proof import Outcome, Proof
from zdtrace.recording.store import open_recording
from zdtrace.reporting.language import language
from zdtrace.reporting.layout import Style
from zdtrace.reporting.pictures import gathered, specifications, svg
from zdtrace.reporting.proof import plan_lines, table
from zdtrace.reporting.proof_page import proof_page
from zdtrace.resources import folder

SCHEMA = json.loads(folder("reports").joinpath("schema/proof-1.json").read_text(encoding="utf-8"))
SAMPLE = Path(__file__).parents[2] / "sample_data" / "rollout-ingress"
CLEAN = Path(__file__).parents[1] / "scenarios" / "clean" / "recording"
LOAD = ("fortio", "load", "-qps", "500", "-t", "60s", "http://example.com/<demo>")


def proof_of(course: Course, *sides: Diagnosis) -> Proof:
    found = Proof(
        workload="shop/Deployment/web", outcome=course.outcome, plan=course.plan, baseline=tuple(course.baseline),
        rows=tuple(course.rows), recommendation=course.recommendation,
        comparison=compare([sides[0]], [sides[1]]) if sides else None, reasons=course.reasons, load=LOAD,
        started_at="2026-11-27T00:00:00+00:00", took_s=640.0, restored="the workload is as it was before",
        places={"page": "proof/proof.html"},
    )
    jsonschema.validate(json.loads(json.dumps(found.as_json())), SCHEMA)
    return found


@pytest.fixture
def proven(sleeps: Any) -> Proof:
    return proof_of(run(Play(iter([67, 40, 0, 3, *[0] * 15]), sleeps(6, 9)), claim=0.724, revisions=1))


@pytest.fixture(scope="module")
def diagnosis(tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    into = tmp_path_factory.mktemp("proof") / "baseline-1.zdtrace"
    import_paths(sorted(SAMPLE.glob("*.zst")), into)
    return diagnose(open_recording(into))


def test_a_claim_is_about_the_last_row_and_rounded_down(proven: Proof) -> None:
    # Fifteen rollouts in the second row, whose part of the error is 1 %: 0.01 ^ (1/15) = 73.56 %.
    assert proven.claim == (
        "With 95% confidence, at least 73.5 % of rollouts like these lose no request: 15 of 15 with the change lost 0 "
        "of 150 000 requests."
    )
    assert proven.sentence == (
        "Proven: 2 of 2 rollouts lost requests as it was; with preStop 9 s, 15 of 15 lost none."
    )


def test_a_row_that_is_cut_off_claims_what_it_has_and_a_lossy_one_nothing(sleeps: Any) -> None:
    lost = proof_of(run(Play(iter([67, 40, 0, 0, 3]), sleeps(6)), revisions=0))
    assert (lost.outcome, lost.supported, lost.claim) == (Outcome.NOT_PROVEN, 0.0, "Nothing is claimed.")


def test_the_terminal_shows_every_rollout_in_80_columns(
    sleeps: Any, golden: Callable[[str, str], None]
) -> None:
    found = proof_of(run(Play(iter([67, 40, 0, 3, *[0] * 20]), sleeps(6, 9)), revisions=1))
    text = table(found, width=80, style=Style(is_colored=False))
    assert max(map(len, text.splitlines())) <= 80
    golden("proof.txt", text)


def test_what_no_patch_heals_is_said_with_the_reason(sleeps: Any, golden: Callable[[str, str], None]) -> None:
    found = proof_of(run(Play(iter([67, 40]), sleeps())))
    golden("proof-not.txt", table(found, width=80, style=Style(is_colored=False)))


def test_the_plan_says_how_many_how_long_and_what_proves(sleeps: Any) -> None:
    course = run(Play(iter([67, 40, *[0] * 5]), sleeps(6)), revisions=0)
    assert plan_lines(course.plan, "deployment/web", "fortio load")[:3] == [
        "deployment/web is rolled out 7 times under load: 2 times as it is, then 5 times with what is recommended",
        "each takes 60 s, all of it 8 min at about",
        "5 in a row without loss prove, with 95% confidence, that at least 50.0% of such rollouts lose no request; the "
        "first loss ends the row",
    ]


def test_the_page_shows_the_claim_both_recordings_and_every_rollout(sleeps: Any, diagnosis: Diagnosis) -> None:
    course = run(Play(iter([67, 40, *[0] * 5]), sleeps(6)), revisions=0)
    found = proof_of(course, diagnosis, diagnosis)
    page = proof_page(
        found, language("en"), before=diagnosis, after=diagnosis, pages={diagnosis.recording: "baseline-1.html"},
        again="zdtrace prove deployment/web -- fortio load",
    )
    assert page.startswith("<!doctype html>")
    assert "With 95% confidence, at least 54.9 % of rollouts like these lose no request: 5 of 5" in page
    assert page.count("<svg") == 2
    assert page.count('href="baseline-1.html"') == 2
    assert all(f"<th scope=\"row\">{each}</th>" in page for each in ("baseline-1", "baseline-2", "verification-1-5"))
    assert "seconds: 6" in page
    # What strangers say is text, and nothing on it leaves the page.
    assert "&lt;demo&gt;" in page
    assert "<demo>" not in page
    assert "default-src &#39;none&#39;" in page
    assert "<script" not in page


def test_the_page_of_what_was_interrupted_has_no_claim(sleeps: Any) -> None:
    found = proof_of(Course(run(Play(iter([67, 40, *[0] * 5]), sleeps(6))).plan))
    page = proof_page(found, language("zh"), before=None, after=None, pages={}, again="zdtrace prove")
    assert "已中断" in page
    assert "Nothing is claimed." in page


def test_the_picture_of_a_rollout_without_loss_has_a_size(tmp_path: Path) -> None:
    # A layer without rows once left it infinitely large: nothing was seen of a rollout that had gone well.
    import_paths(sorted(CLEAN.glob("*.zst")), tmp_path / "a")
    found = diagnose(open_recording(tmp_path / "a"))
    lanes = specifications(gathered(found, "lanes"), language("en"), "lanes")["lanes"]
    assert "Infinity" not in svg(lanes)
