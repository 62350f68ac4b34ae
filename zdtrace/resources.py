"""Where the files that travel with the package are: inside it once installed, beside it in a checkout."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def folder(name: str) -> Traversable:
    """Return a shipped folder (`queries`, `reports`, `sample_data`)."""
    packaged = files("zdtrace").joinpath(name)
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / name
