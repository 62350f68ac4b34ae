"""Recordings for the commands that read one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from zdtrace.importers.base import Options
from zdtrace.importers.batch import import_paths

ROLLOUT = Path(__file__).parents[2] / "sample_data" / "rollout-ingress"
SECOND_NS = 1_000_000_000
RUN_BEGAN_NS = 1_795_450_667 * SECOND_NS


@pytest.fixture(scope="session")
def rollout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording that `zdtrace demo` makes: 40 of 20 000 requests failed behind nginx."""
    into = tmp_path_factory.mktemp("rollout") / "rollout.zdtrace"
    assert import_paths(sorted(ROLLOUT.glob("*.zst")), into).is_complete
    return into


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., Path]:
    """Import files from their lines: `recorded({"fortio.ndjson": [sent(0), sent(1, status=502)]})`."""

    def record(files: dict[str, list[str]], name: str = "small.zdtrace") -> Path:
        paths = []
        for file, lines in files.items():
            path = tmp_path / "files" / file
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            paths.append(path)
        import_paths(paths, tmp_path / name, options=Options(time_zone="UTC"))
        return tmp_path / name

    return record


@pytest.fixture
def sent() -> Callable[..., str]:
    """Write a request as fortio does: `sent(0.5, status=502)` is half a second after the run began."""

    def line(second: float, status: int = 200, latency_s: float = 0.002) -> str:
        return json.dumps({
            "latency": latency_s, "timestamp": RUN_BEGAN_NS + round(second * SECOND_NS), "thread": 0, "iter": 0,
            "ok": status == 200, "details": str(status),
        })

    return line
