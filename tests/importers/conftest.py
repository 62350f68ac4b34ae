"""Fixtures for importers; see `importing.py` for what they give back."""

from __future__ import annotations

from pathlib import Path

import pytest
from importing import SAMPLES, Imported, Take, import_into

from zdtrace.importers.base import Options


@pytest.fixture
def samples() -> Path:
    """Folder with a sub-folder of real logs for each tool."""
    return SAMPLES


@pytest.fixture
def taken(tmp_path: Path) -> Take:
    """Import a file into this test's recording: `taken(path, started_at_ns=…)`."""

    def import_once(path: Path, *, as_format: str | None = None, **options: object) -> Imported:
        chosen = Options(**options)  # type: ignore[arg-type]
        return import_into(tmp_path / "test.zdtrace", path, options=chosen, as_format=as_format)

    return import_once
