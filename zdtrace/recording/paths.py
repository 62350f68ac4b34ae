"""What DuckDB has to be given so that it reads one file and no other."""

from __future__ import annotations

import re
from pathlib import Path

_PATTERN = re.compile(r"[\[*?]")


def exact(path: Path | str) -> str:
    """Return a path as DuckDB reads it: it takes `[`, `*` and `?` in a name for a pattern, and `file:/` for a URL."""
    return _PATTERN.sub(r"[\g<0>]", str(Path(path).absolute()))


def has_exact(path: Path | str) -> bool:
    """Tell whether `exact` can name a file: no name that is no UTF-8, nor, in a pattern, one with a backslash."""
    name = str(Path(path).absolute())
    is_text = name == name.encode(errors="replace").decode()
    return is_text and not ("\\" in name and _PATTERN.search(name))
