"""One bench for all tests here: each recording is imported, and judged as it is, once."""

from __future__ import annotations

import pytest
from judging import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("accuracy"))
