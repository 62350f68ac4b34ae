"""Thousands of pods that change all the time are followed without loss, in little memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from churning import churned
from clusters import Lab


@pytest.mark.long
def test_a_storm_of_changes_is_heard_whole(lab: Lab, tmp_path: Path) -> None:
    """How fast, and what it costs beside kubectl: benchmarks/recording_churn.py, with 5 000 pods."""
    found = churned(lab, tmp_path / "churn.zdtrace", pods=1000, rate=300, seconds=10)
    assert found.changes == 3000
    assert found.missed == 0, found
    assert found.gaps == 0, found
    assert found.peak_mib <= 300, found
