"""Recordings from lines, for pages that are opened in a browser."""

from __future__ import annotations

from pathlib import Path

from zdtrace.importers.base import Options
from zdtrace.importers.batch import import_paths


def imported(folder: Path, files: dict[str, list[str]]) -> Path:
    """Import files from their lines."""
    folder.mkdir(exist_ok=True)
    paths = []
    for name, lines in files.items():
        path = folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        paths.append(path)
    into = folder.with_suffix(".zdtrace")
    import_paths(paths, into, options=Options(time_zone="UTC"))
    return into
