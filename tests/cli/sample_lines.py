"""Lines of a zstd-compressed sample, read without the project's own importers."""

from __future__ import annotations

from pathlib import Path

import zstandard


def lines_of(path: Path) -> list[str]:
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read().decode("utf-8").splitlines()
