"""The verdicts over all labelled recordings: they may not get worse, and a clean recording blames nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from accuracy_table import Measured, measure, summary
from judging import EVIDENCE, Bench, Judged
from labelled_corpus import HERE, corpus, unpacked

pytestmark = pytest.mark.slow
ROUNDING = 0.0005
RATCHET: dict[str, Any] = json.loads((HERE / "ratchet.json").read_text())


@pytest.fixture(scope="module")
def judged(bench: Bench) -> dict[str, list[Judged]]:
    """Judge each recording with and without its proxy's log, once."""
    every = [(words, bench.judge(one, change)) for one in corpus() for words, change in EVIDENCE.items()]
    return {words: [one for name, one in every if one and name == words] for words in EVIDENCE}


@pytest.fixture(scope="module")
def measured(judged: dict[str, list[Judged]]) -> dict[str, Measured]:
    """Return the numbers over the recordings that the ratchet names; newer ones wait for the next `--write`."""
    return {
        words: measure([one for one in every if one.name in RATCHET["recordings"]]) for words, every in judged.items()
    }


def test_the_ratchet_names_recordings_that_are_there() -> None:
    assert set(RATCHET["recordings"]) <= {one.name for one in corpus()}


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_no_number_is_worse_than_the_page_says(measured: dict[str, Measured], evidence: str) -> None:
    now, before = flat(summary(measured, [])[evidence]), flat(RATCHET[evidence])
    worse = {
        name: (now.get(name), score) for name, score in before.items() if (now.get(name) or 0.0) < score - ROUNDING
    }
    assert not worse, f"now and before: {worse}; `python tests/accuracy --quick --wrong` shows which verdicts"


def flat(numbers: dict[str, Any]) -> dict[str, float]:
    """Return F1 of each cause and the share right of each recording beside the numbers over all."""
    found = {name: each for name, each in numbers.items() if isinstance(each, float)}
    return found | {f"{group} of {name}": each for group in ("f1", "right") for name, each in numbers[group].items()}


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_a_clean_recording_blames_nobody(judged: dict[str, list[Judged]], evidence: str) -> None:
    clean = [one for one in judged[evidence] if one.is_clean]
    assert len(clean) > 1
    assert {one.name: one.unlabelled for one in clean} == {one.name: 0 for one in clean}


def test_the_analysis_is_far_better_than_each_simple_way(measured: dict[str, Measured]) -> None:
    now = summary(measured, [])
    for evidence, each in measured.items():
        for words, rows in each.baselines.items():
            simple = summary({evidence: Measured(rows, {}, (None, 0), 0, 0, 0, 0)}, [])[evidence]
            assert now[evidence]["macro_f1_mechanisms"] > 2 * simple["macro_f1_mechanisms"], words


def test_each_folder_of_the_corpus_is_small_and_whole() -> None:
    folders = [path for path in (HERE / "corpus").glob("*/") if path.is_dir()]
    assert sum(file.stat().st_size for path in folders for file in path.iterdir()) < 15_000_000
    for path in folders:
        assert {file.name for file in path.iterdir()} == {"recording.tar.zst", "facts.ndjson.zst", "truth.json"}, path


def test_what_the_analysis_may_read_names_no_witness() -> None:
    """The application's log and the wire are for labels alone."""
    for path in (HERE / "corpus").glob("*/recording.tar.zst"):
        with unpacked(path) as archive:
            assert not [name for name in archive.getnames() if name.startswith(("app", "wire", "truth", "facts"))]
